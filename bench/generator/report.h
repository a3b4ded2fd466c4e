// Report: a finished run as text for people or as one line of JSON for bench/run.
#pragma once

#include <string>

#include "bench/generator/generator.h"

namespace mcrelay::bench {

[[nodiscard]] std::string TextReport(const Options& options, const Result& result);
[[nodiscard]] std::string JsonReport(const Options& options, const Result& result);

}  // namespace mcrelay::bench
