#include "daemon/route/router.h"

#include <algorithm>
#include <utility>

namespace mcrelay::route {

Router::Router(net::Io& io, const backend::Connection::Settings& settings,
               const std::vector<std::shared_ptr<backend::Node>>& nodes,
               std::shared_ptr<const placement::Placement> placement,
               backend::BatchCounters& batch_counters, uint64_t random_seed)
    : settings_(settings), placement_(std::move(placement)) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    connections_.push_back(std::make_unique<backend::Connection>(
        io, settings_, nodes[i], batch_counters, random_seed * 31 + i));
  }
}

void Router::CloseBatches() {
  for (const auto& connection : connections_) connection->CloseBatch();
}

void Router::OnTurnEnd() {
  for (const auto& connection : connections_) connection->OnTurnEnd();
}

void Router::CheckDeadlines(uint64_t now_ms) {
  for (const auto& connection : connections_) connection->CheckDeadlines(now_ms);
}

bool Router::idle() const {
  return std::all_of(connections_.begin(), connections_.end(),
                     [](const auto& connection) { return connection->idle(); });
}

}  // namespace mcrelay::route
