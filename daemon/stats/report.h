// The answers of `stats`, as text.
//
// Pure: reads counters that other threads write (relaxed), keeps nothing.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "daemon/stats/fields.h"

namespace mcrelay::stats {

// The whole answer of `stats <args>`, END included; empty when there is no such statistic.
[[nodiscard]] std::string Report(std::string_view args, const Sources& sources,
                                 const config::Config& config);

}  // namespace mcrelay::stats
