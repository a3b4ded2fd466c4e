// Which counters of `stats` a command moves, by its verb and how it ended.
#pragma once

#include <string_view>

#include "daemon/stats/counters.h"
#include "daemon/stats/latency.h"
#include "daemon/stats/prefixes.h"
#include "protocol/memcache/command.h"
#include "protocol/translate/translation.h"

namespace mcrelay::client {

// Counts one finished command (one key of a retrieval).
void Count(const translate::Translation& translation, translate::Outcome outcome,
           stats::Counters* counters);
// Counts it for `stats detail`.
void CountPrefix(const translate::Translation& translation, translate::Outcome outcome,
                 stats::Prefixes* prefixes);
// Counts a line that was answered `error`.
void CountRefused(memcache::Verb verb, std::string_view error, stats::Counters* counters);

// Whose histogram a command's time belongs to. REQUIRES: a verb that runs as an exchange.
[[nodiscard]] stats::Command LatencyOf(memcache::Verb verb);

}  // namespace mcrelay::client
