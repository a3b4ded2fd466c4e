#include "daemon/worker/snapshot.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "daemon/walk/prefix_flush.h"
#include "protocol/translate/scripts.h"

namespace mcrelay::worker {
namespace {

translate::OnError ToTranslate(config::OnError on_error) {
  return on_error == config::OnError::kMiss ? translate::OnError::kMiss
                                            : translate::OnError::kError;
}

client::FlushMode FlushModeOf(const config::Config& config) {
  if (!config.flush_all_enabled) return client::FlushMode::kDeny;
  switch (config.flush_all) {
    case config::FlushAll::kDeny:
      return client::FlushMode::kDeny;
    case config::FlushAll::kFlushDb:
      return client::FlushMode::kFlushDb;
    case config::FlushAll::kPrefix:
      return client::FlushMode::kPrefix;
    case config::FlushAll::kAuto:
      break;
  }
  return config.key_prefix.empty() ? client::FlushMode::kFlushDb : client::FlushMode::kPrefix;
}

// A file that became unreadable refuses the whole reload: the users of before stay.
std::shared_ptr<const client::Users> LoadUsers(const config::Config& config) {
  if (config.auth_file.empty()) return nullptr;
  std::string error;
  std::shared_ptr<const client::Users> users = client::Users::Load(config.auth_file, &error);
  if (users == nullptr) throw std::runtime_error(error);
  return users;
}

std::shared_ptr<const client::Runtime> MakeRuntime(const config::Config& config) {
  auto runtime = std::make_shared<client::Runtime>();
  runtime->translate.value_format = config.value_format == config::ValueFormat::kTagged
                                        ? translate::ValueFormat::kTagged
                                        : translate::ValueFormat::kPlain;
  runtime->translate.key_prefix = config.key_prefix;
  runtime->translate.item_bytes = config.limits.item_size;
  runtime->translate.on_error_read = ToTranslate(config.on_error_read);
  runtime->translate.on_error_write = ToTranslate(config.on_error_write);
  runtime->translate.on_error_delete = ToTranslate(config.on_error_delete);
  runtime->parser.item_bytes = config.limits.item_size;
  runtime->parser.line_bytes = config.limits.line;
  runtime->parser.get_line_bytes = config.limits.get_line;
  runtime->flush = FlushModeOf(config);
  runtime->shutdown_enabled = config.shutdown_enabled;
  runtime->dumps_enabled = config.dumps_enabled;
  runtime->embedded = config.embedded;
  runtime->users = LoadUsers(config);
  runtime->request_ms = config.timeouts.request;
  runtime->idle_ms = config.timeouts.idle;
  runtime->most_in_flight = config.limits.in_flight;
  runtime->most_output_bytes = config.limits.client_output;
  return runtime;
}

// By EVAL: off the data path, and it cannot meet NOSCRIPT.
void WriteRemoval(std::string_view key, uint64_t cas, Buffer* out) {
  Buffer request;
  const translate::Script& script = translate::WriteRemoveIfOlder(key, cas, &request);
  translate::WriteEval(script, request.view(), out);
}

backend::Connection::Settings MakeConnectionSettings(const config::Config& config) {
  // A stored item may be larger than our own limit (other software wrote it); above this one reply
  // would cost more memory than a worker should hold.
  constexpr size_t kSmallestReplyLimit = 16u << 20;
  backend::Connection::Settings settings{
      .connect_ms = config.timeouts.connect,
      .request_ms = config.timeouts.request,
      .failures = config.health.failures,
      .overdue = config.health.overdue,
      .probe_min_ms = config.health.probe_min,
      .probe_max_ms = config.health.probe_max,
      .most_in_flight = config.limits.node_in_flight,
      .most_unsent_bytes = config.limits.node_output,
      .merge_keys = config.limits.merge_keys,
      .merge_bytes = config.limits.merge_bytes,
      .reply_bytes = std::max<size_t>(kSmallestReplyLimit, 2 * config.limits.item_size),
      .scripts = {},
      .most_removals = config.limits.pending_removals,
      .on_overflow = config.on_overflow,
      .write_removal = WriteRemoval,
  };
  settings.cluster = config.topology == config::Topology::kCluster;
  switch (FlushModeOf(config)) {
    case client::FlushMode::kFlushDb:
      break;
    case client::FlushMode::kPrefix:
      settings.flush_prefix = config.key_prefix;
      settings.make_flush = walk::MakePrefixFlush;
      break;
    case client::FlushMode::kDeny:
      // Nothing may be flushed: the node's keys stay hidden instead.
      if (settings.on_overflow == config::OnOverflow::kFlush) {
        settings.on_overflow = config::OnOverflow::kMiss;
      }
      break;
  }
  for (const translate::Script& script : translate::AllScripts()) {
    settings.scripts.push_back(script.text);
  }
  return settings;
}

// The weight and the ring's name concern placement only.
bool SameNode(const config::Backend& before, config::Backend now) {
  now.weight = before.weight;
  now.ring_name = before.ring_name;
  return before == now;
}

// Those of the configurations before that one, too, as long as something may still come from them.
route::NodesBefore NodesOf(const Snapshot* previous) {
  route::NodesBefore nodes;
  if (previous == nullptr) return nodes;
  for (const route::PlacedNode& placed : previous->AllNodes()) nodes.push_back(placed.node);
  for (const auto& node : previous->nodes_before) {
    backend::Removals& removals = node->removals();
    const bool there = std::any_of(nodes.begin(), nodes.end(), [&](const auto& other) {
      return &other->removals() == &removals;
    });
    if (!there && (removals.any() || !removals.OldConnections().empty())) nodes.push_back(node);
  }
  return nodes;
}

std::shared_ptr<backend::Node> MakeNode(const config::Backend& backend, const Snapshot* previous,
                                        const route::NodesBefore& before) {
  if (previous != nullptr) {
    for (const auto& node : previous->nodes) {
      if (SameNode(node->backend(), backend)) return node;
    }
  }
  return route::MakeNode(backend, before);
}

// Over the sets; null where there is one, or where a cluster's slots say it.
std::shared_ptr<const placement::Placement> MakePlacement(const config::Config& config) {
  std::vector<placement::PlacementNode> ring;
  for (const config::Shard& shard : config.shards) ring.push_back({shard.name, shard.weight});
  if (ring.empty() && route::Watcher::Needed(config)) return nullptr;
  for (const config::Backend& backend : config.backends) {
    ring.push_back({backend.ring_name, backend.weight});
  }
  placement::PlacementSettings settings;
  settings.hash_tag = config.hash_tag;
  // The loader accepted only names that placement knows.
  if (!placement::ParseDistribution(config.distribution, &settings.distribution) ||
      !placement::ParseHash(config.hash, &settings.hash)) {
    throw std::runtime_error("distribution or hash that placement does not know");
  }
  return placement::MakePlacement(settings, ring);
}

}  // namespace

bool CheckFiles(const config::Config& config, std::string* error) {
  std::error_code ignored;
  if (!config.log.file.empty() && std::filesystem::is_directory(config.log.file, ignored)) {
    *error = "log.file: found the folder " + config.log.file + ", expected a file";
    return false;
  }
  return config.auth_file.empty() || client::Users::Load(config.auth_file, error) != nullptr;
}

std::shared_ptr<const Snapshot> MakeSnapshot(const config::Config& config,
                                             const Snapshot* previous) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->config = std::make_shared<const config::Config>(config);
  snapshot->runtime = MakeRuntime(config);
  snapshot->connection = MakeConnectionSettings(config);
  snapshot->nodes_before = NodesOf(previous);
  snapshot->routes.read_from = config.read_from;
  snapshot->routes.placement = MakePlacement(config);
  if (route::Watcher::Needed(config)) {
    const auto before = previous == nullptr ? nullptr : previous->routes.watcher;
    if (before != nullptr && before->Serves(config)) {
      snapshot->routes.watcher = before;
    } else {
      snapshot->routes.watcher = std::make_shared<route::Watcher>(config, snapshot->nodes_before);
    }
    snapshot->routes.watcher->Measure(config.read_from == config::ReadFrom::kNearest);
    return snapshot;
  }
  auto view = std::make_shared<route::View>();
  for (const config::Backend& backend : config.backends) {
    snapshot->nodes.push_back(MakeNode(backend, previous, snapshot->nodes_before));
    view->sets.push_back({.primary = snapshot->nodes.back()});
  }
  snapshot->routes.view = std::move(view);
  return snapshot;
}

bool Snapshot::WaitForTopology(uint32_t timeout_ms) const {
  return routes.watcher == nullptr || routes.watcher->WaitForFirst(timeout_ms);
}

std::vector<route::PlacedNode> Snapshot::AllNodes() const {
  return route::NodesOf(routes.watcher == nullptr ? *routes.view : *routes.watcher->view());
}

uint64_t Snapshot::TopologyChanges() const {
  return routes.watcher == nullptr ? 0 : routes.watcher->changes();
}

}  // namespace mcrelay::worker
