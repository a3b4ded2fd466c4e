#include "daemon/route/view.h"

namespace mcrelay::route {

std::vector<PlacedNode> NodesOf(const View& view) {
  std::vector<PlacedNode> nodes;
  for (const SetView& set : view.sets) {
    const std::string& shard = set.name.empty() ? set.primary->name() : set.name;
    const auto number = static_cast<uint32_t>(&set - view.sets.data());
    if (set.primary->has_address()) nodes.push_back({set.primary, true, number, shard, set.slots});
    for (const auto& replica : set.replicas) nodes.push_back({replica, false, number, shard, 0});
  }
  return nodes;
}

}  // namespace mcrelay::route
