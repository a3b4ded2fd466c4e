#include "daemon/worker/shared.h"

namespace mcrelay::worker {

stats::Sources Shared::ForReport() const {
  static constexpr std::array<const char*, backend::BatchCounters::kBuckets> kBucketNames = {
      "relay_reads_merged_1",     "relay_reads_merged_2",     "relay_reads_merged_3_4",
      "relay_reads_merged_5_8",   "relay_reads_merged_9_16",  "relay_reads_merged_17_32",
      "relay_reads_merged_33_64", "relay_reads_merged_65_up"};
  stats::Sources sources;
  sources.started = started;
  sources.rejected = rejected.load(std::memory_order_relaxed);
  for (const auto& worker : stats) sources.workers.push_back(&worker->counters);
  for (int bucket = 0; bucket < backend::BatchCounters::kBuckets; ++bucket) {
    uint64_t sum = 0;
    for (const auto& worker : stats) {
      sum += worker->batches.batches[bucket].load(std::memory_order_relaxed);
    }
    sources.extra.emplace_back(kBucketNames[bucket], sum);
  }
  return sources;
}

}  // namespace mcrelay::worker
