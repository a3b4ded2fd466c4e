#include "daemon/worker/shared.h"

#include "protocol/redis/error.h"

namespace mcrelay::worker {
namespace {

uint64_t Read(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

stats::NodeReport ReadNode(const route::PlacedNode& placed) {
  const backend::Node& node = *placed.node;
  stats::NodeReport report;
  report.name = node.name();
  report.primary = placed.primary;
  report.shard = placed.set;
  report.slots = placed.slots;
  report.up = !node.down();
  report.connects = Read(node.counters.connects);
  report.failures = Read(node.counters.failures);
  report.timeouts = Read(node.counters.timeouts);
  report.ejections = Read(node.counters.ejections);
  for (int kind = 0; kind < redis::kErrorKinds; ++kind) {
    report.errors.emplace_back(redis::ErrorKindName(static_cast<redis::ErrorKind>(kind)),
                               Read(node.counters.errors[static_cast<size_t>(kind)]));
  }
  if (!placed.primary) return report;  // replicas hold the same items once more
  report.facts = {Read(node.facts.keys), Read(node.facts.memory_bytes),
                  Read(node.facts.limit_bytes), Read(node.facts.evicted), Read(node.facts.expired)};
  return report;
}

}  // namespace

stats::Sources Shared::Now(const Snapshot& snapshot) const {
  stats::Sources sources;
  sources.started = started;
  sources.rejected = rejected.load(std::memory_order_relaxed);
  for (const auto& worker : stats) {
    sources.workers.push_back(&worker->counters);
    for (size_t bucket = 0; bucket < sources.merged.size(); ++bucket) {
      sources.merged[bucket] += Read(worker->batches.batches[bucket]);
    }
  }
  sources.topology_changes = snapshot.TopologyChanges();
  for (const auto& node : snapshot.AllNodes()) sources.nodes.push_back(ReadNode(node));
  return sources;
}

stats::Sources Shared::ForReport(const Snapshot& snapshot) const {
  stats::Sources sources = Now(snapshot);
  const std::lock_guard lock(reset_mutex_);
  sources.reset = reset_;
  return sources;
}

void Shared::ResetStats(const Snapshot& snapshot) {
  const stats::Sources now = Now(snapshot);
  const std::lock_guard lock(reset_mutex_);
  reset_ = stats::ResetAt(now);
}

}  // namespace mcrelay::worker
