// Fields: every line of `stats` and `stats settings`, with its name, its meaning and where its
// value comes from. One table each: the answers, docs/statistics.md and the tests come from them.
//
// Pure: reads counters that other threads write (relaxed), keeps nothing.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "daemon/stats/counters.h"

namespace mcrelay::stats {

// What Redis itself says of one node, as of the last time it was asked.
struct NodeFacts {
  uint64_t keys = 0;          // DBSIZE
  uint64_t memory_bytes = 0;  // used_memory
  uint64_t limit_bytes = 0;   // maxmemory, else the machine's memory
  uint64_t evicted = 0;
  uint64_t expired = 0;
};

// One node in a report. `name` as in the configuration.
struct NodeReport {
  std::string name;
  bool up = true;
  bool primary = true;
  uint32_t shard = 0;  // number of the set it belongs to
  uint32_t slots = 0;  // that it serves, in a cluster
  uint64_t connects = 0;
  uint64_t failures = 0;
  uint64_t timeouts = 0;
  uint64_t ejections = 0;
  std::vector<std::pair<std::string_view, uint64_t>> errors;  // error replies, by every kind
  NodeFacts facts;
};

// What `stats reset` takes off.
struct Reset {
  CounterValues counters{};
  uint64_t rejected = 0;
  uint64_t evicted = 0;
  uint64_t expired = 0;
};

// What a report needs to know of the process.
struct Sources {
  std::time_t started = 0;
  uint64_t rejected = 0;
  std::vector<const Counters*> workers;
  std::array<uint64_t, 8> merged{};  // reads merged: batches of 1, 2, 3-4 ... 33-64, more keys
  uint64_t topology_changes = 0;
  std::vector<NodeReport> nodes;
  Reset reset;
};

struct Field {
  std::string_view name;
  std::string_view meaning;
  std::string (*value)(const Sources& sources, const config::Config& config);
};

// `stats`, in memcached's order, without the values per node.
[[nodiscard]] std::span<const Field> GeneralFields();
// `stats settings`.
[[nodiscard]] std::span<const Field> SettingsFields();

// relay_node_<name>_<suffix> of `stats`.
struct NodeField {
  std::string_view suffix;
  std::string_view meaning;
  uint64_t (*value)(const NodeReport& node);
};
[[nodiscard]] std::span<const NodeField> NodeFields();
// A node's name with everything but letters, digits, - and . as _: no colon, no space.
[[nodiscard]] std::string SafeName(std::string_view name);

// The sum of a counter over the workers, since the last reset.
[[nodiscard]] uint64_t Sum(const Sources& sources, Counter counter);
// What has to be taken off from now on, for all to start at zero again.
[[nodiscard]] Reset ResetAt(const Sources& now);
// Over all nodes; evicted and expired since the last reset.
[[nodiscard]] NodeFacts SumFacts(const Sources& sources);

}  // namespace mcrelay::stats
