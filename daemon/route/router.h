// Router knows one worker's connections and which of them a key belongs to.
//
// Owned by a worker, rebuilt by a reload. Nothing is rehashed when a node is away: its keys miss.
// Threading: its worker's thread.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "daemon/backend/connection.h"
#include "protocol/placement/placement.h"

namespace mcrelay::route {

class Router {
 public:
  // `placement` places a key on the node of the same index.
  Router(net::Io& io, const backend::Connection::Settings& settings,
         const std::vector<std::shared_ptr<backend::Node>>& nodes,
         std::shared_ptr<const placement::Placement> placement,
         backend::BatchCounters& batch_counters, uint64_t random_seed);

  // The connection to the node that owns `redis_key` (prefix included).
  [[nodiscard]] backend::Connection& Pick(std::string_view redis_key) {
    return *connections_[connections_.size() == 1 ? 0 : placement_->Pick(redis_key)];
  }
  // One per node.
  [[nodiscard]] const std::vector<std::unique_ptr<backend::Connection>>& connections() const {
    return connections_;
  }

  // Before this router is replaced: nothing may join its batches any more.
  void CloseBatches();
  void OnTurnEnd();
  void CheckDeadlines(uint64_t now_ms);
  [[nodiscard]] bool idle() const;

 private:
  const backend::Connection::Settings settings_;
  std::shared_ptr<const placement::Placement> placement_;
  std::vector<std::unique_ptr<backend::Connection>> connections_;
};

}  // namespace mcrelay::route
