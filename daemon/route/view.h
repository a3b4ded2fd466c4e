// View is who serves what, as of one moment: the sets of a primary and its replicas, and with a
// cluster which set has which slot.
//
// Immutable once published, shared by all workers, replaced as a whole by the next one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/backend/node.h"
#include "protocol/placement/slot.h"
#include "protocol/placement/topology.h"

namespace mcrelay::route {

struct SetView {
  std::string name{};  // as configured; empty where there is one set only, and in a cluster
  // Never null: a node without an address stands for a primary that nobody knows.
  std::shared_ptr<backend::Node> primary;
  std::vector<std::shared_ptr<backend::Node>> replicas{};  // healthy ones
  uint32_t slots = 0;                                      // that it serves, in a cluster

  bool operator==(const SetView&) const = default;
};

// Set of each slot. One that no set serves has any: the node asked will say so itself.
using SlotMap = std::array<uint16_t, placement::kSlots>;

struct View {
  std::vector<SetView> sets;
  std::shared_ptr<const SlotMap> slots;  // null unless the topology is a cluster
};

// A node and its place, for reports.
struct PlacedNode {
  std::shared_ptr<backend::Node> node;
  bool primary;
  uint32_t set;       // in View::sets
  std::string shard;  // the set's name; its primary's where it has none
  uint32_t slots;     // that it serves as a primary, in a cluster
};
// Each set's primary, then its replicas. Without what stands for an unknown primary.
[[nodiscard]] std::vector<PlacedNode> NodesOf(const View& view);

}  // namespace mcrelay::route
