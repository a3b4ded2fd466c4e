// The answers of `stats`, as text.
//
// Pure: reads counters that other threads write (relaxed), keeps nothing.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "daemon/stats/counters.h"

namespace mcrelay::stats {

// What a report needs to know of the process.
struct Sources {
  std::time_t started = 0;
  uint64_t rejected = 0;
  std::vector<const Counters*> workers;
  std::vector<std::pair<std::string, uint64_t>> extra;  // relay_... values of other rooms
};

// The whole answer of `stats <args>`, END included; empty when there is no such statistic.
[[nodiscard]] std::string Report(std::string_view args, const Sources& sources,
                                 const config::Config& config);

}  // namespace mcrelay::stats
