// Which counters of `stats` a command moves, by its verb and how it ended.
#pragma once

#include "daemon/stats/counters.h"
#include "protocol/memcache/command.h"
#include "protocol/translate/translation.h"

namespace mcrelay::client {

// Counts one finished command (one key of a retrieval).
void Count(memcache::Verb verb, translate::Outcome outcome, stats::Counters* counters);

}  // namespace mcrelay::client
