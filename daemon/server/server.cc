#include "daemon/server/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <mutex>
#include <random>
#include <stdexcept>
#include <utility>

#include "config/loader.h"
#include "daemon/log/log.h"
#include "daemon/net/socket_name.h"
#include "daemon/server/systemd.h"
#include "daemon/stats/connection_lines.h"
#include "daemon/version.h"

namespace mcrelay::server {
namespace {

constexpr uint64_t kDrainCheckMs = 20;
// At the start nobody is served before it is known who serves what, but for so long only: then
// clients are answered as on_error says until it is.
constexpr uint32_t kFirstLookMs = 1000;
// A reload waits for as many looks to time out before it takes over what nobody knows.
constexpr uint32_t kFirstLooks = 4;
constexpr uint64_t kLookPauseMs = 10;

std::string Describe(const config::Address& address) {
  if (!address.unix_path.empty()) return "unix:" + address.unix_path;
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

void SayTooMany(int fd, bool raw) {
  const std::string_view text =
      raw ? "-ERR max number of clients reached\r\n" : "ERROR Too many open connections\r\n";
  // Best effort: the socket is new, so its buffer takes it; nobody waits for it.
  [[maybe_unused]] const ssize_t sent =
      send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  close(fd);
}

// Each worker has a connection to each server; where they are watched, the watcher has two more,
// and two to each Sentinel of a set. Servers that the configuration does not name are not counted.
uint64_t DescriptorsFor(const config::Config& config, uint64_t threads) {
  uint64_t servers = config.backends.size();
  uint64_t sentinels = config.service.empty() ? 0 : config.sentinels.size();
  for (const config::Shard& shard : config.shards) {
    servers += std::max<size_t>(shard.backends.size(), 1);
    if (shard.service.empty()) continue;
    sentinels += shard.sentinels.empty() ? config.sentinels.size() : shard.sentinels.size();
  }
  const uint64_t watched = route::Watcher::Needed(config) ? 2 * (servers + sentinels) : 0;
  return config.limits.connections + 64 + threads * (servers + 4) + watched;
}

// A topology that is discovered may have any number of nodes, and get more at any time.
void RaiseLimitFor(const config::Config& config, uint64_t threads) {
  RaiseDescriptorLimit(DescriptorsFor(config, threads), route::Watcher::Needed(config));
}

}  // namespace

Server::Server(config::Config config, Reload reload)
    : config_(std::move(config)),
      reload_(std::move(reload)),
      monitor_(loop_, shared_, [this] { workers_.front()->AskNodes(); }),
      look_(loop_, [this] { TakeOverWhenKnown(); }),
      drain_(loop_, [this] { StopWhenDrained(); }),
      kill_(loop_, [this] {
        log::Warning(log::Event::kStop, "drain_timeout is over, closing what is left");
        for (const auto& worker : workers_) worker->Stop();
        loop_.Stop();
      }) {
  // One that comes while we start is heeded once the loop runs: nothing is left behind.
  signals_.push_back(std::make_unique<net::Signal>(loop_, SIGTERM, [this] { Stop(); }));
  signals_.push_back(std::make_unique<net::Signal>(loop_, SIGINT, [this] { Stop(); }));
  signals_.push_back(std::make_unique<net::Signal>(loop_, SIGHUP, [this] { OnHangup(); }));
  signals_.push_back(std::make_unique<net::Signal>(loop_, SIGUSR1, [] { log::Reopen(); }));
  RaiseLimitFor(config_, config_.threads);
  OpenListeners();
  monitor_.OpenAdmin(config_);
  pid_file_ = std::make_unique<PidFile>(config_.pid_file);
  DropPrivileges(config_.user, config_.core_dumps);
  if (config_.embedded) {
    embedded_ = std::make_unique<embedded::Embedded>(loop_, config_.embedded_memory,
                                                     config_.embedded_evictions);
    config_.backends = {embedded_->backend()};
  }
  snapshot_ = worker::MakeSnapshot(config_, nullptr);
  (void)snapshot_->WaitForTopology(std::min(kFirstLookMs, kFirstLooks * config_.timeouts.connect));
  monitor_.Use(snapshot_);
  if (embedded_ != nullptr) {
    embedded_->Watch([node = snapshot_->nodes.front()] { return node->down(); });
  }
  shared_.shutdown = [this] { loop_.Post([this] { Stop(); }); };
  shared_.store_memory = [this](uint64_t bytes) {
    loop_.Post([this, bytes] { embedded_->SetMemory(bytes); });
  };
  shared_.list_connections = [this](auto done) { ListConnections(std::move(done)); };
  if (config_.prefix_delimiter != '\0') {
    shared_.prefixes.Delimit(config_.prefix_delimiter);
    shared_.prefixes.Switch(true);
  }
  StartWorkers();
}

Server::~Server() {
  for (const auto& worker : workers_) worker->Stop();
  for (const auto& worker : workers_) worker->Join();
  for (const OpenListener& open : listeners_) {
    if (!open.unix_path.empty()) unlink(open.unix_path.c_str());
  }
}

void Server::Run(const std::function<void()>& ready) {
  socket_files_.Write(config_.port_file, config_.bound_file);
  log::Info(log::Event::kReady, "serving with {} worker{}", workers_.size(),
            workers_.size() == 1 ? "" : "s");
  monitor_.Ready();
  ready();
  loop_.Run();
  for (const auto& worker : workers_) worker->Join();
  log::Info(log::Event::kStop, "stopped");
}

// Sockets that a service manager opened for us (systemd.socket(5)) take the place of `listen`.
void Server::OpenListeners() {
  const int inherited = systemd::InheritedSockets();
  for (int i = 0; i < inherited; ++i) {
    Listen(systemd::kFirstInherited + i, "");
  }
  if (inherited == 0) {
    for (const config::Address& address : config_.listen) {
      OpenSockets(address, false);
    }
  }
  if (config_.raw_listen) {
    OpenSockets(*config_.raw_listen, true);
  }
}

// One socket per address of the name.
void Server::OpenSockets(const config::Address& address, bool raw) {
  std::string error;
  std::vector<int> sockets;
  const int backlog = static_cast<int>(config_.backlog);
  if (address.unix_path.empty()) {
    sockets = net::ListenTcp(address.host, address.port, backlog, &error);
  } else if (const int fd = net::ListenUnix(address.unix_path, config_.unix_mask, backlog, &error);
             fd >= 0) {
    sockets = {fd};
  }
  if (sockets.empty()) {
    throw std::runtime_error("cannot listen on " + Describe(address) + ": " + error +
                             (error.find("in use") == std::string::npos
                                  ? ""
                                  : "; stop what holds it or choose another with -p or -s"));
  }
  for (const int fd : sockets) Listen(fd, address.unix_path, raw);
}

void Server::Listen(int fd, const std::string& unix_path, bool raw) {
  const auto kind = net::IsUnixSocket(fd) ? net::Stream::Kind::kUnix : net::Stream::Kind::kTcp;
  if (!raw) socket_files_.Add(fd);
  const std::string text = net::BoundAddress(fd) + (raw ? " (raw Redis)" : "");
  Monitor::ListenerCounts& counts = monitor_.AddListener(text);
  const auto accepted = [this, kind, raw, &counts](int client) {
    counts.accepted.fetch_add(1, std::memory_order_relaxed);
    OnAccepted(client, kind, raw, counts);
  };
  listeners_.push_back({counts,
                        std::make_unique<net::Listener>(loop_, fd, accepted,
                                                        [this](int error) { OnExhausted(error); }),
                        unix_path});
  log::Info(log::Event::kListening, "listening on {}", text);
}

void Server::StartWorkers() {
  const uint64_t salt = std::random_device()();
  for (uint32_t i = 0; i < config_.threads; ++i) {
    shared_.stats.push_back(std::make_unique<worker::WorkerStats>());
  }
  for (uint32_t i = 0; i < config_.threads; ++i) {
    workers_.push_back(std::make_unique<worker::Worker>(shared_, i, salt, snapshot_));
  }
  for (const auto& worker : workers_) worker->Start();
}

void Server::OnAccepted(int fd, net::Stream::Kind kind, bool raw, Monitor::ListenerCounts& counts) {
  size_t sessions = 0;
  worker::Worker* least = workers_.front().get();
  for (const auto& worker : workers_) {
    sessions += worker->sessions();
    if (worker->sessions() < least->sessions()) least = worker.get();
  }
  if (sessions >= config_.limits.connections) {
    ++rejected_;
    shared_.rejected.store(rejected_, std::memory_order_relaxed);
    if (!std::exchange(told_full_, true)) {
      log::Warning(log::Event::kLimit, "{} clients are connected, the limit (-c): refusing more",
                   sessions);
    }
    SayTooMany(fd, raw);
    return;
  }
  if (sessions * 10 < config_.limits.connections * 9) told_full_ = false;
  told_exhausted_ = false;
  counts.clients.fetch_add(1, std::memory_order_relaxed);
  if (raw) {
    least->AdoptRaw(fd, kind, counts.clients);
  } else {
    least->Adopt(fd, kind, counts.clients);
  }
}

void Server::OnExhausted(int error) {
  if (std::exchange(told_exhausted_, true)) return;
  log::Error(log::Event::kLimit, "cannot accept clients: {}; trying again", std::strerror(error));
}

void Server::OnHangup() {
  if (stopping_) return;
  if (incoming_ != nullptr) {
    reload_again_ = true;
    return;
  }
  monitor_.Reloading();
  if (Prepare()) {
    TakeOverWhenKnown();
  } else {
    monitor_.Reloaded(false);
  }
}

// What serves changes last: until then every problem leaves the running configuration in place.
bool Server::Prepare() {
  std::string error;
  std::unique_ptr<config::Config> fresh = reload_(&error);
  if (fresh == nullptr) return KeepRunning(error);
  if (fresh->embedded && embedded_ != nullptr) fresh->backends = {embedded_->backend()};
  if (fresh->embedded != config_.embedded) {
    return KeepRunning("between the embedded store and named backends only a restart changes");
  }
  std::vector<config::Change> changes = config::Diff(config_, *fresh);
  config::KeepUntilRestart(config_, fresh.get());
  if (fresh->raw_listen && fresh->topology != config::Topology::kSingle) {
    return KeepRunning("raw_listen, which only a restart closes, needs topology single");
  }
  std::shared_ptr<const worker::Snapshot> snapshot;
  try {
    RaiseLimitFor(*fresh, workers_.size());
    snapshot = worker::MakeSnapshot(*fresh, snapshot_.get());
  } catch (const std::runtime_error& problem) {
    return KeepRunning(problem.what());
  }
  const uint64_t until_ms = loop_.now_ms() + kFirstLooks * fresh->timeouts.connect;
  incoming_ = std::make_unique<Incoming>(
      Incoming{std::move(fresh), std::move(changes), std::move(snapshot), until_ms});
  return true;
}

void Server::TakeOverWhenKnown() {
  if (!incoming_->snapshot->WaitForTopology(0) && loop_.now_ms() < incoming_->until_ms) {
    look_.Once(kLookPauseMs);
    return;
  }
  TakeOver(std::move(*std::exchange(incoming_, nullptr)));
  monitor_.Reloaded(true);
  if (std::exchange(reload_again_, false)) OnHangup();
}

void Server::TakeOver(Incoming incoming) {
  config::Config& fresh = *incoming.config;
  Tell(incoming.changes, fresh.warnings);
  log::SetLevel(static_cast<log::Level>(fresh.log.level));
  const bool other_store_memory = fresh.embedded_memory != config_.embedded_memory;
  config_ = std::move(fresh);
  snapshot_ = std::move(incoming.snapshot);
  for (const auto& worker : workers_) worker->Apply(snapshot_);
  if (embedded_ != nullptr && other_store_memory) {
    workers_.front()->LimitStore(config_.embedded_memory);
  }
  monitor_.Use(snapshot_);
  log::Info(log::Event::kReload, "the configuration was taken over");
}

bool Server::KeepRunning(std::string_view why) {
  log::Error(log::Event::kReload, "the configuration was not taken over: {}", why);
  return false;
}

void Server::Tell(const std::vector<config::Change>& changes,
                  const std::vector<std::string>& warnings) {
  for (const config::Change& change : changes) {
    if (change.live) {
      log::Info(log::Event::kReload, "{} changed", change.key);
    } else {
      log::Warning(log::Event::kReload, "{} changed, but needs a restart", change.key);
    }
  }
  for (const std::string& warning : warnings) log::Warning(log::Event::kConfig, "{}", warning);
}

void Server::ListConnections(std::function<void(std::string)> done) {
  struct Gathered {
    std::mutex mutex;
    std::string lines;
    size_t missing;
    std::function<void(std::string)> done;
  };
  loop_.Post([this, done = std::move(done)]() mutable {
    auto gathered = std::make_shared<Gathered>();
    gathered->missing = workers_.size();
    gathered->done = std::move(done);
    for (const OpenListener& open : listeners_) {
      if (open.listener == nullptr) continue;
      const int fd = open.listener->fd();
      gathered->lines += stats::ConnectionLines({.fd = fd,
                                                 .address = net::LocalName(fd),
                                                 .listen_address = {},
                                                 .state = "conn_listening"});
    }
    for (const auto& worker : workers_) {
      worker->Describe([gathered](const std::string& lines) {
        const std::lock_guard lock(gathered->mutex);
        gathered->lines += lines;
        if (--gathered->missing == 0) gathered->done(std::move(gathered->lines));
      });
    }
  });
}

void Server::Stop() {
  if (std::exchange(stopping_, true)) return;
  log::Info(log::Event::kStop, "stopping: answering what is in flight");
  monitor_.Stopping();
  look_.Stop();
  incoming_.reset();
  for (OpenListener& open : listeners_) {
    open.counts.open.store(false, std::memory_order_relaxed);
    open.listener.reset();
  }
  for (const auto& worker : workers_) worker->Drain();
  drain_.Every(kDrainCheckMs);
  kill_.Once(config_.timeouts.drain);
}

void Server::StopWhenDrained() {
  if (std::all_of(workers_.begin(), workers_.end(),
                  [](const auto& worker) { return worker->sessions() == 0; })) {
    loop_.Stop();
  }
}

}  // namespace mcrelay::server
