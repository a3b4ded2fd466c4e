// Shared is what the workers of one process have in common: nothing on the data path reads it.
//
// Owned by the server; outlives the workers. Threading: as each member says.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/backend/connection.h"
#include "daemon/stats/counters.h"
#include "daemon/stats/latency.h"
#include "daemon/stats/prefixes.h"
#include "daemon/stats/report.h"
#include "daemon/worker/snapshot.h"

namespace mcrelay::worker {

struct WorkerStats {
  stats::Counters counters;
  backend::BatchCounters batches;
  stats::CommandLatencies latencies;
  // Loop time of the worker's last turn: an idle one turns once a second.
  std::atomic<uint64_t> turned_ms{0};
};

struct Shared {
  // One per worker, all there before the first worker starts.
  std::vector<std::unique_ptr<WorkerStats>> stats;
  std::time_t started = std::time(nullptr);
  // Counts flush_all commands of this process: a delayed one is dropped when a later one came.
  std::atomic<uint64_t> flushes{0};
  stats::Prefixes prefixes;           // for `stats detail`
  std::atomic<uint64_t> rejected{0};  // connections over the limit
  // Any thread; set before the first worker starts.
  std::function<void()> shutdown;
  // Gives `done` the lines of `stats conns`, on some thread.
  std::function<void(std::function<void(std::string lines)> done)> list_connections;
  std::function<void(uint64_t bytes)>
      store_memory;  // from now on, also after a restart of the store

  // Any thread.
  [[nodiscard]] stats::Sources ForReport(const Snapshot& snapshot) const;
  void ResetStats(const Snapshot& snapshot);

 private:
  [[nodiscard]] stats::Sources Now(const Snapshot& snapshot) const;

  mutable std::mutex reset_mutex_;
  stats::Reset reset_;
};

}  // namespace mcrelay::worker
