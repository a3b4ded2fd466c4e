// What is known of one Redis server at one moment, as plain values for `stats`, /metrics and the
// status page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/stats/fields.h"
#include "daemon/stats/latency.h"

namespace mcrelay::stats {

struct NodeValues {
  std::string name;
  std::string location;   // secrets masked
  bool up = true;         // not ejected
  uint64_t state_ms = 0;  // since it went down or came back; 0: it never went down
  uint64_t down_ms = 0;   // out of service since the start, in all
  bool primary = true;
  std::string shard;            // the set it belongs to
  uint32_t slots = 0;           // that it serves, in a cluster
  uint64_t connections_up = 0;  // of one per worker
  uint64_t in_flight = 0;       // requests
  uint64_t requests = 0;        // sent; each key of a merged read counts
  uint64_t connects = 0;        // attempts
  uint64_t failures = 0;        // connections lost or not made
  uint64_t timeouts = 0;
  uint64_t ejections = 0;
  uint64_t pending_removals = 0;
  std::vector<std::pair<std::string_view, uint64_t>> errors;  // error replies, by every kind
  LatencyCounts round_trips;
  NodeFacts facts;
};

}  // namespace mcrelay::stats
