#include "daemon/route/registry.h"

#include <utility>

namespace mcrelay::route {

std::shared_ptr<backend::Node> MakeNode(config::Backend backend, const NodesBefore& before) {
  for (const auto& node : before) {
    const config::Backend& old = node->backend();
    const bool same = old.host == backend.host && old.port == backend.port &&
                      old.unix_path == backend.unix_path && old.db == backend.db;
    if (same) return std::make_shared<backend::Node>(std::move(backend), node->shared_removals());
  }
  return std::make_shared<backend::Node>(std::move(backend));
}

std::shared_ptr<backend::Node> Registry::Get(const placement::Endpoint& endpoint) {
  const std::string text = endpoint.Text();
  const std::lock_guard lock(mutex_);
  std::erase_if(nodes_, [](const auto& entry) { return entry.second.expired(); });
  if (const auto found = nodes_.find(text); found != nodes_.end()) {
    if (auto node = found->second.lock()) return node;
  }
  config::Backend backend = model_;
  backend.host = endpoint.host;
  backend.port = endpoint.port;
  backend.unix_path.clear();
  backend.name = backend.ring_name = backend.location = text;
  auto node = MakeNode(std::move(backend), before_);
  nodes_[text] = node;
  return node;
}

std::shared_ptr<backend::Node> Registry::Nowhere(const std::string& name,
                                                 std::string refusal) const {
  config::Backend backend = model_;
  backend.host.clear();
  backend.unix_path.clear();
  backend.name = backend.ring_name = backend.location = name;
  return std::make_shared<backend::Node>(std::move(backend), nullptr, std::move(refusal));
}

}  // namespace mcrelay::route
