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
  // Never null: a node without an address stands for a primary that nobody knows.
  std::shared_ptr<backend::Node> primary;
  std::vector<std::shared_ptr<backend::Node>> replicas;  // healthy ones

  bool operator==(const SetView&) const = default;
};

// Set of each slot. One that no set serves has any: the node asked will say so itself.
using SlotMap = std::array<uint16_t, placement::kSlots>;

struct View {
  std::vector<SetView> sets;
  std::shared_ptr<const SlotMap> slots;  // null unless the topology is a cluster
};

}  // namespace mcrelay::route
