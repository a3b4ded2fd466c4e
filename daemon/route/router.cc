#include "daemon/route/router.h"

#include <algorithm>
#include <utility>

#include "protocol/redis/error.h"

namespace mcrelay::route {
namespace {

// How long a request waits before it is sent once more, when nothing new is heard.
constexpr uint64_t kRetryMs = 20;
// Nodes whose round trips differ by no more are equally near.
constexpr uint32_t kAsNearUs = 200;
// Between looks for connections that are not needed any more.
constexpr uint64_t kSettleMs = 1000;
// A node that redirections lead to, but that no view names, is kept so long after the last one.
constexpr uint64_t kKeptMs = 30'000;
// So many of those at most: what leads to more waits for the view.
constexpr size_t kMostLearnt = 16;
// Between looks whether the map that redirections corrected is to be given up.
constexpr uint64_t kCorrectedMs = 200;

std::shared_ptr<const backend::Connection::Settings> Share(backend::Connection::Settings settings,
                                                           bool cluster) {
  if (cluster) settings.merge_keys = 1;  // an MGET may not span slots
  return std::make_shared<const backend::Connection::Settings>(std::move(settings));
}

}  // namespace

Router::Router(net::Io& io, backend::Connection::Settings settings, Setup setup,
               backend::BatchCounters& batch_counters, uint64_t random_seed, Router* before)
    : io_(io),
      shared_settings_(Share(std::move(settings), setup.watcher != nullptr &&
                                                      setup.watcher->cluster_nodes() != nullptr)),
      settings_(*shared_settings_),
      watcher_(std::move(setup.watcher)),
      placement_(std::move(setup.placement)),
      read_from_(setup.read_from),
      batch_counters_(batch_counters),
      random_(random_seed * 31),
      before_(before != nullptr && before->settings_ == settings_ ? before : nullptr),
      retry_(io.loop, [this] { RetryAll(); }),
      settle_(io.loop, [this] { Settle(); }),
      corrected_(io.loop, [this] { ReturnToView(); }) {
  if (watcher_ == nullptr) {
    view_ = std::move(setup.view);
  } else {
    if (watcher_->cluster_nodes() != nullptr) {
      slots_ = std::make_shared<Slots>();
      placement_ = slots_;
    }
    subscription_ = watcher_->Subscribe([this, alive = std::weak_ptr<bool>(alive_)] {
      io_.loop.Post([this, alive] {
        if (!alive.expired()) Adopt();
      });
    });
    view_ = watcher_->view();
  }
  Build(*view_);
  before_ = nullptr;
  if (before != nullptr) Inherit(*before);
}

Router::~Router() {
  RetryAll();  // of sessions that are gone: they only let go
  if (watcher_ != nullptr) watcher_->Unsubscribe(subscription_);
}

void Router::Adopt() {
  const std::shared_ptr<const View> before = std::exchange(view_, watcher_->view());
  if (before == view_) return;
  CloseBatches();
  Build(*view_);
  MoveRemovals(*before, *view_);
  Unsettle();
  settle_.Once(2 * uint64_t{settings_.request_ms});
  RetryAll();
}

void Router::Build(const View& view) {
  for (Entry& entry : entries_) entry.needed = false;
  corrected_ms_ = 0;
  primaries_.clear();
  replicas_.clear();
  reads_elsewhere_ = false;
  for (const SetView& set : view.sets) {
    primaries_.push_back(&Connect(set.primary, false, true));
    replicas_.emplace_back();
    if (read_from_ == config::ReadFrom::kPrimary) continue;
    for (const auto& replica : set.replicas) {
      replicas_.back().push_back(&Connect(replica, true, true));
      reads_elsewhere_ = true;
    }
  }
  if (slots_ != nullptr) slots_->map = *view.slots;
}

backend::Connection& Router::Connect(const std::shared_ptr<backend::Node>& node, bool reads_replica,
                                     bool needed) {
  for (Entry& entry : entries_) {
    if (&entry.connection->node() != node.get() || entry.reads_replica != reads_replica) continue;
    entry.needed = entry.needed || needed;
    entry.used_ms = needed ? 0 : io_.loop.now_ms();
    return *entry.connection;
  }
  auto connection = before_ == nullptr ? nullptr : before_->GiveUp(*node, reads_replica);
  if (connection == nullptr) {
    connection =
        std::make_unique<backend::Connection>(io_, shared_settings_, node, batch_counters_,
                                              ++random_, reads_replica && slots_ != nullptr);
  }
  entries_.push_back(
      {std::move(connection), reads_replica, needed, needed ? 0 : io_.loop.now_ms()});
  return *entries_.back().connection;
}

// The nodes are those of one configuration or one watcher, so the same node is the same kind.
std::unique_ptr<backend::Connection> Router::GiveUp(const backend::Node& node, bool reads_replica) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return &entry.connection->node() == &node && entry.reads_replica == reads_replica;
  });
  if (found == entries_.end()) return nullptr;
  auto connection = std::move(found->connection);
  entries_.erase(found);
  return connection;
}

void Router::Retire() {
  CloseBatches();
  settle_.Stop();
  corrected_.Stop();
  alive_.reset();
}

backend::Connection& Router::PickReader(std::string_view redis_key) {
  const size_t set = primaries_.size() == 1 ? 0 : placement_->Pick(redis_key);
  backend::Connection* const primary = primaries_[set];
  if (set >= replicas_.size()) return *primary;
  const bool primary_too = read_from_ != config::ReadFrom::kReplica;
  const auto for_each = [&](const auto& look) {
    for (backend::Connection* replica : replicas_[set]) {
      if (replica->up() && replica->accepts()) look(*replica);
    }
    if (primary_too && primary->up() && primary->accepts()) look(*primary);
  };
  const auto distance_us = [](const backend::Connection& one) {
    return one.node().round_trip_us.load(std::memory_order_relaxed);
  };
  uint32_t most_us = UINT32_MAX;
  if (read_from_ == config::ReadFrom::kNearest) {
    for_each(
        [&](const backend::Connection& one) { most_us = std::min(most_us, distance_us(one)); });
    most_us += kAsNearUs;
  }
  backend::Connection* best = nullptr;
  for_each([&](backend::Connection& one) {
    if (most_us != UINT32_MAX && distance_us(one) > most_us) return;
    if (best == nullptr || one.pending() < best->pending()) best = &one;
  });
  return best == nullptr ? *primary : *best;
}

Advice Router::Judge(std::string_view error, backend::Connection& from,
                     std::string_view redis_key) {
  using redis::ErrorKind;
  if (watcher_ == nullptr) return {};
  switch (redis::ClassifyError(error)) {
    case ErrorKind::kMoved:
    case ErrorKind::kAsk:
      return slots_ == nullptr ? Advice{} : Redirect(error, from);
    case ErrorKind::kTryAgain:
    case ErrorKind::kClusterDown:
      if (slots_ == nullptr) return {};
      watcher_->Recheck();
      return {Advice::Kind::kWait};
    case ErrorKind::kReadOnly:
      watcher_->Recheck();
      return {Advice::Kind::kWait};
    case ErrorKind::kMasterDown:
    case ErrorKind::kLoading: {
      backend::Connection& primary = Pick(redis_key);
      if (&primary == &from) return {};
      return {Advice::Kind::kSend, &primary};
    }
    default:
      return {};
  }
}

Advice Router::Redirect(std::string_view error, backend::Connection& from) {
  placement::Redirection redirection;
  if (!placement::ParseRedirection(error, from.node().backend().host, &redirection)) return {};
  const std::shared_ptr<backend::Node> node = watcher_->cluster_nodes()->Get(redirection.to);
  if (!settle_.active()) settle_.Once(kSettleMs);
  const auto learnt = std::count_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.used_ms != 0 && &entry.connection->node() != node.get();
  });
  if (learnt >= static_cast<ptrdiff_t>(kMostLearnt)) {
    watcher_->Recheck(redirection.to);
    return {Advice::Kind::kWait};
  }
  backend::Connection& to = Connect(node, false, false);
  if (error.starts_with("ASK")) return {Advice::Kind::kAsk, &to};
  backend::Node& owner = primaries_[slots_->map[redirection.slot]]->node();
  auto at = std::find(primaries_.begin(), primaries_.end(), &to);
  if (at == primaries_.end()) at = primaries_.insert(at, &to);
  slots_->map[redirection.slot] = static_cast<uint16_t>(at - primaries_.begin());
  MoveRemovalsOf(owner);
  Unsettle();
  corrected_ms_ = io_.loop.now_ms();
  if (!corrected_.active()) corrected_.Once(kCorrectedMs);
  watcher_->Recheck(redirection.to);
  return {&to == &from ? Advice::Kind::kWait : Advice::Kind::kSend, &to};
}

// A redirection may be wrong, or lead to where nobody is: once the watcher has looked since, its
// word counts. Where it lags behind, the next request is redirected again.
void Router::ReturnToView() {
  if (corrected_ms_ == 0) return;
  if (watcher_->looked_ms() <= corrected_ms_) {
    watcher_->Recheck();
    corrected_.Once(kCorrectedMs);
    return;
  }
  CloseBatches();
  Build(*view_);
  for (const Entry& entry : entries_) MoveRemovalsOf(entry.connection->node());
  Unsettle();
}

void Router::Doubt() {
  if (watcher_ != nullptr) watcher_->Recheck();
}

void Router::Unsettle() { unsettled_until_ms_ = io_.loop.now_ms() + 2 * settings_.request_ms; }

void Router::Wait(Retrier* retrier) {
  waiting_.push_back(retrier);
  if (!retry_.active()) retry_.Once(kRetryMs);
}

void Router::RetryAll() {
  std::vector<Retrier*> waiting;
  waiting.swap(waiting_);
  for (Retrier* retrier : waiting) retrier->OnRetry();
}

void Router::Settle() {
  for (const Entry& entry : entries_) {
    backend::Removals& removals = entry.connection->node().removals();
    if (!removals.any()) continue;
    MoveRemovalsOf(entry.connection->node());
    removals.ForgetHanded();
  }
  DropUnneeded();
  const bool rest = std::all_of(entries_.begin(), entries_.end(),
                                [](const Entry& entry) { return entry.needed; });
  if (!rest) settle_.Once(kSettleMs);
}

// Its pending removals are with others by now.
void Router::DropUnneeded() {
  const uint64_t now_ms = io_.loop.now_ms();
  std::erase_if(entries_, [&](const Entry& entry) {
    const auto primary = std::find(primaries_.begin(), primaries_.end(), entry.connection.get());
    return !entry.needed && primary == primaries_.end() && entry.connection->idle() &&
           (!entry.connection->up() || entry.used_ms == 0 || entry.used_ms + kKeptMs < now_ms);
  });
}

void Router::CloseBatches() {
  for (const Entry& entry : entries_) entry.connection->CloseBatch();
}

void Router::OnTurnEnd() {
  for (const Entry& entry : entries_) entry.connection->OnTurnEnd();
}

// What is lost here may be sent elsewhere, on a connection that is made for it.
void Router::CheckDeadlines(uint64_t now_ms) {
  for (size_t i = 0; i < entries_.size(); ++i) entries_[i].connection->CheckDeadlines(now_ms);
}

bool Router::idle() const {
  return waiting_.empty() && std::all_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
           return entry.connection->idle();
         });
}

}  // namespace mcrelay::route
