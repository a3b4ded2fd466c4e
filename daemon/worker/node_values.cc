#include "daemon/worker/node_values.h"

#include <utility>

#include "protocol/redis/error.h"

namespace mcrelay::worker {
namespace {

uint64_t Read(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

stats::NodeValues ReadNode(const route::PlacedNode& placed, uint64_t now_ms) {
  const backend::Node& node = *placed.node;
  stats::NodeValues values;
  values.name = node.name();
  values.location = node.backend().location;
  values.up = !node.down();
  const backend::Downtime downtime = node.SumDowntime(now_ms);
  values.state_ms = downtime.state_ms;
  values.down_ms = downtime.total_ms;
  values.primary = placed.primary;
  values.shard = placed.shard;
  values.slots = placed.slots;
  backend::TrafficSum traffic = node.SumTraffic();
  values.connections_up = traffic.connections_up;
  values.in_flight = traffic.in_flight;
  values.requests = traffic.requests;
  values.round_trips = traffic.round_trips;
  const backend::Node::Counters& counters = node.counters;
  values.connects = Read(counters.connects);
  values.failures = Read(counters.failures);
  values.timeouts = Read(counters.timeouts);
  values.ejections = Read(counters.ejections);
  values.pending_removals = node.removals().size();
  for (int kind = 0; kind < redis::kErrorKinds; ++kind) {
    values.errors.emplace_back(redis::ErrorKindName(static_cast<redis::ErrorKind>(kind)),
                               Read(counters.errors[static_cast<size_t>(kind)]));
  }
  values.facts = {Read(node.facts.keys), Read(node.facts.memory_bytes),
                  Read(node.facts.limit_bytes), Read(node.facts.evicted), Read(node.facts.expired)};
  return values;
}

}  // namespace

std::vector<stats::NodeValues> ReadNodes(const Snapshot& snapshot, uint64_t now_ms) {
  std::vector<stats::NodeValues> nodes;
  for (const auto& node : snapshot.AllNodes()) nodes.push_back(ReadNode(node, now_ms));
  return nodes;
}

}  // namespace mcrelay::worker
