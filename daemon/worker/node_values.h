// Reads what every node of a snapshot counts. Any thread; locks each node for a moment, so not for
// the data path.
#pragma once

#include <vector>

#include "daemon/stats/node_values.h"
#include "daemon/worker/snapshot.h"

namespace mcrelay::worker {

[[nodiscard]] std::vector<stats::NodeValues> ReadNodes(const Snapshot& snapshot, uint64_t now_ms);

}  // namespace mcrelay::worker
