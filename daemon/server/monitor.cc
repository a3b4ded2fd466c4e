#include "daemon/server/monitor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/log/log.h"
#include "daemon/server/systemd.h"
#include "daemon/stats/report.h"
#include "daemon/worker/node_values.h"

namespace mcrelay::server {
namespace {

constexpr uint64_t kBeatMs = 1000;
constexpr uint64_t kBeatsPerQuestion = 3;

int64_t UnixMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// The clock of net::Loop::now_ms().
uint64_t MonotonicMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// The lines `STAT name value` of an answer to `stats`.
std::vector<std::pair<std::string, std::string>> SplitStats(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> values;
  while (text.starts_with("STAT ")) {
    const size_t end = text.find("\r\n");
    const std::string_view line = text.substr(5, end - 5);
    const size_t space = line.find(' ');
    values.emplace_back(line.substr(0, space), line.substr(std::min(space + 1, line.size())));
    text.remove_prefix(end + 2);
  }
  return values;
}

}  // namespace

Monitor::Monitor(net::Loop& loop, const worker::Shared& shared, std::function<void()> ask_nodes)
    : loop_(loop),
      shared_(shared),
      ask_nodes_(std::move(ask_nodes)),
      beat_(loop, [this] { Beat(); }),
      watchdog_(loop, [this] {
        admin::View view;
        ReadLoops(&view);
        if (admin::IsAlive(view)) systemd::TellAlive();
      }) {
  reload_.last_unix_ms = reload_.in_use_unix_ms = UnixMs();
}

void Monitor::OpenAdmin(const config::Config& config) {
  if (!config.admin) return;
  admin_ = std::make_unique<admin::Server>(*config.admin, [this] { return Look(); });
}

Monitor::ListenerCounts& Monitor::AddListener(const std::string& address) {
  for (ListenerCounts& listener : listeners_) {
    if (listener.address == address) return listener;  // inherited sockets that share a port
  }
  return listeners_.emplace_back(address);
}

void Monitor::Use(std::shared_ptr<const worker::Snapshot> snapshot) {
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
}

void Monitor::Ready() {
  {
    const std::lock_guard lock(mutex_);
    phase_ = admin::Phase::kServing;
  }
  main_turned_ms_ = MonotonicMs();
  beat_.Every(kBeatMs);
  // Twice as often as is asked for, as sd_watchdog_enabled(3) advises.
  if (const uint64_t ms = systemd::WatchdogMs(); ms > 0) {
    watchdog_.Every(std::max<uint64_t>(ms / 2, 1));
  }
  if (admin_ != nullptr) admin_->Start();
  told_ = StatusLine();
  systemd::TellReady(told_);
}

void Monitor::Reloading() { systemd::TellReloading(); }

void Monitor::Reloaded(bool taken_over) {
  {
    const std::lock_guard lock(mutex_);
    reload_.last_unix_ms = UnixMs();
    reload_.last_worked = taken_over;
    if (taken_over) reload_.in_use_unix_ms = reload_.last_unix_ms;
    ++(taken_over ? reload_.taken_over : reload_.refused);
  }
  told_ = StatusLine();
  systemd::TellReady(told_);
}

void Monitor::Stopping() {
  {
    const std::lock_guard lock(mutex_);
    phase_ = admin::Phase::kDraining;
  }
  systemd::TellStopping("stopping: answering what is in flight");
}

void Monitor::ReadLoops(admin::View* view) const {
  const uint64_t now_ms = MonotonicMs();
  const auto age = [&](uint64_t turned_ms) { return now_ms > turned_ms ? now_ms - turned_ms : 0; };
  view->loops.push_back({"main", age(main_turned_ms_.load(std::memory_order_relaxed))});
  for (size_t i = 0; i < shared_.stats.size(); ++i) {
    view->loops.push_back({"worker" + std::to_string(i),
                           age(shared_.stats[i]->turned_ms.load(std::memory_order_relaxed))});
  }
}

admin::View Monitor::Look() const {
  admin::View view;
  std::shared_ptr<const worker::Snapshot> snapshot;
  {
    const std::lock_guard lock(mutex_);
    snapshot = snapshot_;
    view.phase = phase_;
    view.reload = reload_;
  }
  view.configuration = snapshot->config->effective;
  view.unix_ms = UnixMs();
  view.started_unix_ms = int64_t{shared_.started} * 1000;
  view.workers = shared_.stats.size();
  ReadLoops(&view);
  stats::Sources sources = shared_.ForReport(*snapshot);
  sources.reset = {};  // `stats reset` is the clients'
  view.stats = SplitStats(stats::Report("", sources, *snapshot->config));
  view.merged_reads.resize(backend::BatchCounters::kBuckets);
  for (const auto& worker : shared_.stats) {
    for (size_t i = 0; i < view.commands.size(); ++i) {
      view.commands[i] += worker->latencies.of[i].Read();
    }
    for (size_t i = 0; i < view.merged_reads.size(); ++i) {
      view.merged_reads[i] += worker->batches.batches[i].load(std::memory_order_relaxed);
    }
    view.merged_keys += worker->batches.keys.load(std::memory_order_relaxed);
  }
  for (const ListenerCounts& listener : listeners_) {
    view.listeners.push_back({listener.address, listener.open.load(std::memory_order_relaxed),
                              listener.accepted.load(std::memory_order_relaxed),
                              listener.clients.load(std::memory_order_relaxed)});
  }
  view.nodes = worker::ReadNodes(*snapshot, MonotonicMs());
  view.events = log::RecentEvents();
  return view;
}

// For `systemctl status`: what one wants to know first.
std::string Monitor::StatusLine() const {
  uint64_t clients = 0;
  for (const auto& worker : shared_.stats) {
    clients += worker->counters.Get(stats::Counter::kCurrConnections);
  }
  std::string down;
  const std::lock_guard lock(mutex_);
  const auto nodes = snapshot_->AllNodes();
  for (const route::PlacedNode& placed : nodes) {
    if (!placed.node->down()) continue;
    down += (down.empty() ? "; down: " : ", ") + placed.node->name();
  }
  return "serving " + std::to_string(clients) + (clients == 1 ? " client" : " clients") + " from " +
         std::to_string(nodes.size()) + (nodes.size() == 1 ? " node" : " nodes") + down +
         (reload_.last_worked ? "" : "; the last reload was refused");
}

void Monitor::Beat() {
  main_turned_ms_.store(loop_.now_ms(), std::memory_order_relaxed);
  if (phase_ != admin::Phase::kServing) return;  // written by this thread only
  if (admin_ != nullptr && beats_++ % kBeatsPerQuestion == 0) ask_nodes_();
  std::string line = StatusLine();
  if (line == told_) return;
  systemd::TellStatus(line);
  told_ = std::move(line);
}

}  // namespace mcrelay::server
