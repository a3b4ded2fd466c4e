// Registry makes the nodes of one topology out of addresses that are learnt at run time: one node
// per address, whoever asks.
//
// Threading: any. A node lives as long as a view or a connection refers to it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "config/config.h"
#include "daemon/backend/node.h"
#include "protocol/placement/topology.h"

namespace mcrelay::route {

class Registry {
 public:
  // `model`: credentials, database of every node; its address does not count.
  explicit Registry(config::Backend model) : model_(std::move(model)) {}

  [[nodiscard]] std::shared_ptr<backend::Node> Get(const placement::Endpoint& endpoint);
  // A node without an address, to which no connection is made.
  [[nodiscard]] std::shared_ptr<backend::Node> Nowhere(const std::string& name) const;

 private:
  const config::Backend model_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<backend::Node>> nodes_;
};

}  // namespace mcrelay::route
