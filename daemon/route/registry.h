// Registry makes the nodes of one topology out of addresses that are learnt at run time: one node
// per address, whoever asks.
//
// Threading: any. A node lives as long as a view or a connection refers to it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/config.h"
#include "daemon/backend/node.h"
#include "protocol/placement/topology.h"

namespace mcrelay::route {

// The nodes of a configuration that is replaced.
using NodesBefore = std::vector<std::shared_ptr<backend::Node>>;

// A new node for `backend`. What is pending for the same database of `before` goes on being
// pending.
[[nodiscard]] std::shared_ptr<backend::Node> MakeNode(config::Backend backend,
                                                      const NodesBefore& before);

class Registry {
 public:
  // `model`: credentials, database of every node; its address does not count.
  explicit Registry(config::Backend model, NodesBefore before = {})
      : model_(std::move(model)), before_(std::move(before)) {}

  [[nodiscard]] std::shared_ptr<backend::Node> Get(const placement::Endpoint& endpoint);
  // A node without an address, to which no connection is made. `refusal`: in Redis's words, why
  // nobody says which one it is; may be empty.
  [[nodiscard]] std::shared_ptr<backend::Node> Nowhere(const std::string& name,
                                                       std::string refusal = {}) const;

 private:
  const config::Backend model_;
  const NodesBefore before_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<backend::Node>> nodes_;
};

}  // namespace mcrelay::route
