// Snapshot is one configuration in the form the workers use: immutable, shared by all of them,
// replaced as a whole by a reload.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "daemon/backend/connection.h"
#include "daemon/backend/node.h"
#include "daemon/client/runtime.h"
#include "daemon/route/router.h"

namespace mcrelay::worker {

struct Snapshot {
  std::shared_ptr<const config::Config> config;  // for `stats`
  std::shared_ptr<const client::Runtime> runtime;
  backend::Connection::Settings connection;
  std::vector<std::shared_ptr<backend::Node>>
      nodes;                        // as configured; none when they are discovered
  route::NodesBefore nodes_before;  // whose servers may still be met again
  route::Router::Setup routes;

  // Waits until it is known who serves what, at most so long. False: it is not. Any thread.
  [[nodiscard]] bool WaitForTopology(uint32_t timeout_ms) const;
  // As configured, or as discovered by now. Any thread.
  [[nodiscard]] std::vector<route::PlacedNode> AllNodes() const;
  // How often who serves what has changed. Any thread.
  [[nodiscard]] uint64_t TopologyChanges() const;
};

// The files that `config` names can be used, as far as MakeSnapshot() reads them; else *error.
[[nodiscard]] bool CheckFiles(const config::Config& config, std::string* error);

// Nodes of `previous` (may be null) that are still configured alike are taken over with their
// state.
[[nodiscard]] std::shared_ptr<const Snapshot> MakeSnapshot(const config::Config& config,
                                                           const Snapshot* previous);

}  // namespace mcrelay::worker
