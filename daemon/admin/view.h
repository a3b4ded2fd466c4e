// View is what the daemon looks like at one moment, as plain values: all that the admin pages show.
//
// Gathered by the server for each request; whoever gathers it may lock and allocate, the workers
// only publish relaxed atomics.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "daemon/log/log.h"
#include "daemon/stats/latency.h"
#include "daemon/stats/node_values.h"

namespace mcrelay::admin {

enum class Phase : uint8_t { kStarting, kServing, kDraining };

struct ListenerValues {
  std::string address;
  bool open = false;
  uint64_t accepted = 0;
  uint64_t clients = 0;  // connected now
};

struct LoopValues {
  std::string name;
  uint64_t age_ms = 0;  // since its last turn; an idle loop turns once a second
};

struct ReloadValues {
  uint64_t taken_over = 0;
  uint64_t refused = 0;
  bool last_worked = true;     // also before the first reload
  int64_t last_unix_ms = 0;    // of the last attempt; the start when there was none
  int64_t in_use_unix_ms = 0;  // since when the configuration is in use
};

struct View {
  int64_t unix_ms = 0;
  int64_t started_unix_ms = 0;
  Phase phase = Phase::kStarting;
  std::vector<LoopValues> loops;
  std::vector<std::pair<std::string, std::string>> stats;  // what `stats` answers
  std::array<stats::LatencyCounts, stats::kCommands> commands;
  // Merged reads by their number of keys: 1, 2, 3-4, 5-8 ... 33-64, more.
  std::vector<uint64_t> merged_reads;
  uint64_t merged_keys = 0;
  std::vector<ListenerValues> listeners;
  std::vector<stats::NodeValues> nodes;
  uint64_t workers = 0;
  ReloadValues reload;
  std::string configuration;  // secrets masked
  std::vector<log::Recent> events;
};

// A value of `stats` as a number; false when `stats` has none of that name.
[[nodiscard]] bool StatOf(const View& view, std::string_view name, double* value);
// Zero where there is none.
[[nodiscard]] double StatOr0(const View& view, std::string_view name);
// Every loop turned lately.
[[nodiscard]] bool IsAlive(const View& view);
// Clients can connect and are meant to.
[[nodiscard]] bool IsReady(const View& view);
// A loop that did not turn for so long hangs.
inline constexpr uint64_t kHangsMs = 5000;

}  // namespace mcrelay::admin
