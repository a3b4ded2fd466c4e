#include "daemon/route/watcher.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/log/log.h"
#include "daemon/route/cluster.h"
#include "daemon/route/replica.h"
#include "daemon/route/sentinel.h"

namespace mcrelay::route {
namespace {

constexpr uint64_t kTroubleMs = 20;
// Slots may move by the hundred in a second.
constexpr uint64_t kMovedSlotsMs = 1000;

// What all nodes of a set have in common.
config::Backend Model(const config::Config& config) {
  config::Backend model;
  if (!config.backends.empty()) model = config.backends.front();
  if (config.backends.empty()) {
    model.username = config.username;
    model.password = config.password;
  }
  return model;
}

// `topology: replica` and `sentinel` are one set without a name.
std::vector<config::Shard> SetsOf(const config::Config& config) {
  if (!config.shards.empty()) return config.shards;
  config::Shard set;
  set.backends = config.backends;
  set.service = config.service;
  return {std::move(set)};
}

config::Backend SentinelBackend(const config::Address& address, const config::Config& config) {
  config::Backend backend;
  backend.host = address.host;
  backend.port = address.port;
  backend.unix_path = address.unix_path;
  backend.location = backend.name = address.text;
  backend.username = config.sentinel_username;
  backend.password = config.sentinel_password;
  return backend;
}

std::string Names(const SetView& set) {
  std::string text = (set.name.empty() ? "primary " : "shard " + set.name + ": primary ");
  text += set.primary->name();
  for (const auto& replica : set.replicas) {
    text += (&replica == &set.replicas.front() ? " with replica " : ", ") + replica->name();
  }
  return text;
}

}  // namespace

Watcher::Wanted::Wanted(const config::Config& config)
    : topology(config.topology),
      backends(config.backends),
      shards(config.shards),
      sentinels(config.sentinels),
      words{config.service, config.sentinel_username, config.sentinel_password, config.username,
            config.password},
      timeout_ms(config.timeouts.connect) {
  for (config::Shard& shard : shards) shard.weight = 1;
}

bool Watcher::Needed(const config::Config& config) {
  switch (config.topology) {
    case config::Topology::kReplica:
    case config::Topology::kSentinel:
    case config::Topology::kCluster:
      return true;
    default:
      return !config.shards.empty();
  }
}

Watcher::Watcher(const config::Config& config, const NodesBefore& before) : wanted_(config) {
  auto registry = std::make_shared<Registry>(Model(config), before);
  auto view = std::make_shared<View>();
  if (config.topology == config::Topology::kCluster) {
    cluster_nodes_ = registry;
    // Until more is known, any node may be asked: it answers with the right one.
    const config::Backend& seed = config.backends.front();
    view->sets.push_back({.primary = registry->Get({seed.host, seed.port})});
    view->slots = std::make_shared<SlotMap>();
    Discovery::Settings settings{
        .timeout_ms = config.timeouts.connect,
        .name = "cluster",
        .registry = registry,
        .found = [this](Discovery::Found found) { Take(0, std::move(found)); },
        .looked = [this](uint64_t begun_ms) { looked_ms_.store(begun_ms); }};
    discoveries_.push_back(std::make_unique<Cluster>(io_, std::move(settings), config.backends));
  } else {
    for (const config::Shard& set : SetsOf(config)) {
      AddSet(config, set, before, registry, view.get());
    }
  }
  view_ = std::move(view);
  found_.resize(discoveries_.size());
  trouble_ = std::make_unique<net::Timer>(io_.loop, [this] { LookForTrouble(); });
  trouble_->Every(kTroubleMs);
  thread_ = std::thread([this] { Run(); });
}

void Watcher::AddSet(const config::Config& config, const config::Shard& set,
                     const NodesBefore& before, const std::shared_ptr<Registry>& registry,
                     View* view) {
  const bool managed = !set.service.empty();
  Discovery::Settings settings{.timeout_ms = config.timeouts.connect,
                               .name = set.name,
                               .registry = registry,
                               .found = [this, index = view->sets.size()](Discovery::Found found) {
                                 Take(index, std::move(found));
                               }};
  if (settings.name.empty()) settings.name = managed ? set.service : "replica set";
  view->sets.push_back({.name = set.name, .primary = registry->Nowhere(settings.name)});
  if (managed) {
    std::vector<config::Backend> sentinels;
    for (const auto& address : set.sentinels.empty() ? config.sentinels : set.sentinels) {
      sentinels.push_back(SentinelBackend(address, config));
    }
    discoveries_.push_back(
        std::make_unique<Sentinel>(io_, std::move(settings), set.service, sentinels));
    return;
  }
  std::vector<std::shared_ptr<backend::Node>> nodes;
  for (const auto& backend : set.backends) {
    nodes.push_back(MakeNode(backend, before));
  }
  discoveries_.push_back(std::make_unique<Replica>(io_, std::move(settings), nodes));
}

Watcher::~Watcher() {
  io_.loop.Post([this] { io_.loop.Stop(); });
  thread_.join();
  trouble_.reset();
  yardstick_.reset();
  discoveries_.clear();
}

void Watcher::Run() {
  // Signals are the main thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  io_.loop.Run();
}

bool Watcher::WaitForFirst(uint32_t timeout_ms) const {
  return first_come_.wait_for(std::chrono::milliseconds(timeout_ms)) == std::future_status::ready;
}

std::shared_ptr<const View> Watcher::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void Watcher::Recheck(const placement::Endpoint& hint) {
  io_.loop.Post([this, hint] {
    for (const auto& discovery : discoveries_) discovery->Recheck(hint);
  });
}

void Watcher::Measure(bool wanted) {
  io_.loop.Post([this, wanted] {
    if (wanted == (yardstick_ != nullptr)) return;
    yardstick_.reset();
    if (wanted) yardstick_ = std::make_unique<Yardstick>(io_, *this, wanted_.timeout_ms);
  });
}

uint64_t Watcher::Subscribe(std::function<void()> changed) {
  const std::lock_guard lock(mutex_);
  subscribers_.emplace_back(++subscriptions_, std::move(changed));
  return subscriptions_;
}

void Watcher::Unsubscribe(uint64_t subscription) {
  const std::lock_guard lock(mutex_);
  std::erase_if(subscribers_, [&](const auto& entry) { return entry.first == subscription; });
}

void Watcher::Take(size_t first, Discovery::Found found) {
  const std::lock_guard lock(mutex_);
  auto view = std::make_shared<View>(*view_);
  if (found.slots != nullptr) {
    view->sets = std::move(found.sets);
    view->slots = std::move(found.slots);
  } else {
    found.sets.front().name = view->sets[first].name;
    view->sets[first] = std::move(found.sets.front());
  }
  LogChange(*view_, *view);
  view_ = std::move(view);
  if (found_[first]) changes_.fetch_add(1, std::memory_order_relaxed);
  found_[first] = true;
  if (!first_told_ && std::find(found_.begin(), found_.end(), false) == found_.end()) {
    first_told_ = true;
    first_.set_value();
  }
  for (const auto& [id, changed] : subscribers_) changed();
}

void Watcher::LogChange(const View& before, const View& after) {
  for (size_t slot = 0; after.slots != nullptr && slot < after.slots->size(); ++slot) {
    const SetView& from = before.sets[(*before.slots)[slot]];
    if (from.slots > 0 && from.primary != after.sets[(*after.slots)[slot]].primary) ++moved_slots_;
  }
  for (const SetView& set : after.sets) {
    if (!set.primary->has_address()) continue;
    const bool known =
        std::any_of(before.sets.begin(), before.sets.end(), [&](const SetView& other) {
          return other.primary == set.primary && other.replicas == set.replicas;
        });
    if (!known) log::Info(log::Event::kTopology, "{}", Names(set));
  }
  for (const SetView& set : before.sets) {
    const bool stays = std::any_of(after.sets.begin(), after.sets.end(), [&](const SetView& other) {
      return other.primary == set.primary;
    });
    if (!stays && set.primary->has_address()) {
      log::Info(log::Event::kTopology, "{} is no primary any more", set.primary->name());
    }
  }
}

void Watcher::LogMovedSlots() {
  const uint64_t now_ms = io_.loop.now_ms();
  if (moved_slots_ == 0 || now_ms - moved_told_ms_ < kMovedSlotsMs) return;
  moved_told_ms_ = now_ms;
  std::string now;
  for (const SetView& set : view()->sets) {
    now += (now.empty() ? "" : ", ") + set.primary->name() + " " + std::to_string(set.slots);
  }
  log::Info(log::Event::kTopology, "{} slots moved; now {}", std::exchange(moved_slots_, 0), now);
}

// The workers' connections see first that a node is away.
void Watcher::LookForTrouble() {
  LogMovedSlots();
  size_t down = 0;
  for (const SetView& set : view()->sets) {
    down += set.primary->down() ? 1 : 0;
    for (const auto& replica : set.replicas) down += replica->down() ? 1 : 0;
  }
  if (down > known_down_) {
    for (const auto& discovery : discoveries_) discovery->Recheck({});
  }
  known_down_ = down;
}

}  // namespace mcrelay::route
