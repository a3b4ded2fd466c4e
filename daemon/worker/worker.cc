#include "daemon/worker/worker.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "daemon/client/facts_task.h"
#include "daemon/log/log.h"
#include "daemon/net/memory.h"
#include "protocol/memcache/answers.h"
#include "protocol/redis/encoder.h"

namespace mcrelay::worker {
namespace {

constexpr uint64_t kIdleCheckMs = 1000;
// Memory that is needed again costs page faults: it is given back for so much only, while large
// values still come and when they do not, and no more often than this.
constexpr size_t kWorthGivingBytes = 4u << 20;
constexpr size_t kWorthGivingAtRestBytes = 256u << 10;
constexpr uint64_t kGivePauseMs = 5000;
// A drain looks for silent clients this often, and so many times before it closes the busy ones
// too.
constexpr uint64_t kDrainRoundMs = 50;
constexpr int kDrainRounds = 10;

// Ticks of 1/16 us since the epoch that never run backwards: the monotonic clock, started at the
// wall clock's time.
uint64_t CasTicks() {
  const auto nanoseconds = [](clockid_t clock) {
    timespec now;
    clock_gettime(clock, &now);
    return uint64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  };
  static const uint64_t offset = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
  return (nanoseconds(CLOCK_MONOTONIC) + offset) * 2 / 125;
}

}  // namespace

Worker::Worker(Shared& shared, size_t index, uint64_t salt,
               std::shared_ptr<const Snapshot> snapshot)
    : shared_(shared),
      index_(index),
      salt_(salt),
      context_{.io = io_,
               .control = *this,
               .runtime = snapshot->runtime,
               .router = nullptr,
               .counters = shared.stats[index]->counters,
               .prefixes = shared.prefixes,
               .latencies = shared.stats[index]->latencies,
               .cas = {CasTicks, static_cast<uint8_t>(salt + index)},
               .exchanges = client::ExchangePool(context_),
               .command = {},
               .redis_key = {},
               .discard = {},
               .dirty = {}},
      snapshot_(std::move(snapshot)),
      tick_(io_.loop, [this] { Tick(); }),
      idle_(io_.loop,
            [this] {
              CloseIdle();
              GiveMemoryBack();
            }),
      drain_(io_.loop, [this] { DrainRound(); }),
      flush_(io_.loop, [this] {
        if (shared_.flushes.load() != flush_number_) return;
        for (const auto& connection : context_.router->connections()) {
          connection->node().removals().AddFlush();
          connection->StartChores();
        }
      }) {}

Worker::~Worker() = default;

void Worker::Start() {
  shared_.stats[index_]->turned_ms.store(io_.loop.now_ms(), std::memory_order_relaxed);
  thread_ = std::thread([this] { Run(); });
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::Run() {
  // Signals are the main thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  // For `top -H` and the like; as /healthz calls it.
  pthread_setname_np(pthread_self(), ("worker" + std::to_string(index_)).c_str());

  io_.loop.SetTurnHook(this);
  MakeRouter(*snapshot_, nullptr);
  idle_.Every(kIdleCheckMs);
  io_.loop.Run();
  io_.loop.SetTurnHook(nullptr);
  const std::vector<client::Session*> sessions = sessions_;
  for (client::Session* session : sessions) session->Destroy();
  CloseRaw();
  while (!sessions_.empty() || !raw_sessions_.empty()) io_.loop.RunOnce();
  context_.router.reset();
  retiring_.clear();
}

void Worker::MakeRouter(const Snapshot& snapshot, route::Router* before) {
  context_.router = std::make_unique<route::Router>(io_, snapshot.connection, snapshot.routes,
                                                    shared_.stats[index_]->batches,
                                                    salt_ * 1000003 + index_, before);
}

void Worker::Adopt(int fd, net::Stream::Kind kind, std::atomic<uint64_t>& listener) {
  session_count_.fetch_add(1, std::memory_order_relaxed);
  io_.loop.Post([this, fd, kind, &listener] {
    auto* session = new client::Session(context_, kind);
    session->listener = &listener;
    session->index = static_cast<uint32_t>(sessions_.size());
    sessions_.push_back(session);
    context_.counters.Add(stats::Counter::kTotalConnections);
    context_.counters.Add(stats::Counter::kCurrConnections);
    if (!session->Adopt(fd)) {
      close(fd);
      session->Destroy();
    }
  });
}

void Worker::AdoptRaw(int fd, net::Stream::Kind kind, std::atomic<uint64_t>& listener) {
  session_count_.fetch_add(1, std::memory_order_relaxed);
  io_.loop.Post([this, fd, kind, &listener] {
    auto* session = new raw::RawSession(io_, *this, snapshot_->nodes.front()->backend(),
                                        snapshot_->connection.connect_ms, kind);
    session->listener = &listener;
    session->index = static_cast<uint32_t>(raw_sessions_.size());
    raw_sessions_.push_back(session);
    if (draining_ || !session->Adopt(fd)) {
      close(fd);
      session->Destroy();
    }
  });
}

void Worker::OnRawClosed(raw::RawSession* session) {
  raw_sessions_[session->index] = raw_sessions_.back();
  raw_sessions_[session->index]->index = session->index;
  raw_sessions_.pop_back();
  session_count_.fetch_sub(1, std::memory_order_relaxed);
  session->listener->fetch_sub(1, std::memory_order_relaxed);
  delete session;
  StopWhenDrained();
}

// What a raw client has in flight is not known: it is closed at once when the daemon stops.
void Worker::CloseRaw() {
  const std::vector<raw::RawSession*> sessions = raw_sessions_;
  for (raw::RawSession* session : sessions) session->Destroy();
}

void Worker::OnSessionClosed(client::Session* session) {
  sessions_[session->index] = sessions_.back();
  sessions_[session->index]->index = session->index;
  sessions_.pop_back();
  session_count_.fetch_sub(1, std::memory_order_relaxed);
  session->listener->fetch_sub(1, std::memory_order_relaxed);
  context_.counters.Subtract(stats::Counter::kCurrConnections);
  client_left_ = true;
  delete session;
  StopWhenDrained();
}

void Worker::Apply(std::shared_ptr<const Snapshot> snapshot) {
  io_.loop.Post([this, snapshot = std::move(snapshot)] {
    context_.runtime = snapshot->runtime;
    snapshot_ = snapshot;
    context_.router->Retire();
    retiring_.push_back(std::move(context_.router));
    MakeRouter(*snapshot, retiring_.back().get());
  });
}

void Worker::LimitStore(uint64_t bytes) {
  io_.loop.Post([this, bytes] { SetStoreMemory(bytes); });
}

void Worker::AskNodes() {
  io_.loop.Post([this] { client::FactsTask::Ask(context_); });
}

void Worker::Describe(std::function<void(const std::string&)> done) {
  io_.loop.Post([this, done = std::move(done)] {
    std::string lines;
    for (const client::Session* session : sessions_) lines += session->Describe();
    done(lines);
  });
}

void Worker::ListConnections(std::function<void(const std::string&)> done) {
  shared_.list_connections([this, done = std::move(done)](std::string lines) {
    io_.loop.Post([done, lines = std::move(lines)] { done(lines); });
  });
}

void Worker::Drain() {
  io_.loop.Post([this] {
    draining_ = true;
    CloseRaw();
    drain_rounds_ = 0;
    drain_.Every(kDrainRoundMs);
    StopWhenDrained();
  });
}

// A client that has just sent a command, or is about to, is served before it is closed: closing
// with its bytes unread would reset the connection.
void Worker::DrainRound() {
  const bool last_call = ++drain_rounds_ >= kDrainRounds;
  const uint64_t now_ms = io_.loop.now_ms();
  const std::vector<client::Session*> sessions = sessions_;
  for (client::Session* session : sessions) session->Drain(now_ms - kDrainRoundMs, last_call);
}

void Worker::StopWhenDrained() {
  if (draining_ && sessions_.empty() && raw_sessions_.empty()) io_.loop.Stop();
}

void Worker::Stop() {
  io_.loop.Post([this] { io_.loop.Stop(); });
}

void Worker::Tick() {
  check_deadlines_ = true;
  if (context_.router->idle() && retiring_.empty()) tick_.Stop();
}

// Overdue is judged after the poll: replies that were already there when this thread got to run are
// in time, however late it ran.
void Worker::OnPolled() {
  if (!check_deadlines_) return;
  check_deadlines_ = false;
  const uint64_t now_ms = io_.loop.now_ms();
  context_.router->CheckDeadlines(now_ms);
  for (const auto& router : retiring_) router->CheckDeadlines(now_ms);
}

void Worker::OnTurnEnd() {
  ++context_.turn;
  shared_.stats[index_]->turned_ms.store(io_.loop.now_ms(), std::memory_order_relaxed);
  auto& dirty = context_.dirty;
  do {
    // Going on may make further sessions dirty; so may writing, when it made room for more.
    for (size_t i = 0; i < dirty.size(); ++i) dirty[i]->Resume();
    context_.router->OnTurnEnd();
    for (const auto& router : retiring_) router->OnTurnEnd();
    flushing_.swap(dirty);
    for (client::Session* session : flushing_) session->Flush();
    flushing_.clear();
  } while (!dirty.empty());
  if (!retiring_.empty()) {
    std::erase_if(retiring_, [](const auto& router) { return router->idle(); });
  }
  if (!tick_.active() && (!context_.router->idle() || !retiring_.empty())) {
    tick_.Every(std::clamp<uint64_t>(context_.runtime->request_ms / 10, 5, 50));
  }
}

void Worker::CloseIdle() {
  const uint64_t now_ms = io_.loop.now_ms();
  const uint64_t idle_ms = context_.runtime->idle_ms;
  if (idle_ms == 0 || now_ms < idle_ms) return;
  const std::vector<client::Session*> sessions = sessions_;
  for (client::Session* session : sessions) session->CloseIfIdle(now_ms - idle_ms);
}

// What large buffers of clients took, once one of them has gone or none was freed since the last
// look (the answers that a client left behind come after it); those that go on need it again.
void Worker::GiveMemoryBack() {
  const uint64_t now_ms = io_.loop.now_ms();
  const size_t freed_bytes = io_.buffers.freed_bytes();
  const bool at_rest = freed_bytes == seen_freed_bytes_;
  seen_freed_bytes_ = freed_bytes;
  if (!at_rest && !client_left_) return;
  if (freed_bytes < (at_rest ? kWorthGivingAtRestBytes : kWorthGivingBytes)) return;
  if (now_ms - gave_ms_ < kGivePauseMs) return;
  client_left_ = false;
  seen_freed_bytes_ = 0;
  io_.buffers.ForgetFreed();
  gave_ms_ = now_ms;
  net::GiveFreedMemoryBack();
}

std::string Worker::Stats(std::string_view args) {
  if (args.substr(0, args.find(' ')) == "reset") {
    shared_.ResetStats(*snapshot_);
    shared_.prefixes.Clear();
    return std::string(memcache::kReset);
  }
  return stats::Report(args, shared_.ForReport(*snapshot_), *snapshot_->config);
}

// The running store is told by this worker, so that what its client asks next comes after it.
void Worker::SetStoreMemory(uint64_t bytes) {
  class Told final : public backend::Waiter {
    bool OnReply(const redis::Reply& reply) override {
      if (reply.is_error()) {
        log::Warning(log::Event::kEmbedded, "the store refused its new memory limit: {}",
                     reply.text);
      }
      delete this;
      return true;
    }
    void OnLost() override { delete this; }
  };
  shared_.store_memory(bytes);
  for (const auto& connection : context_.router->connections()) {
    if (!connection->accepts()) continue;
    connection->CloseBatch();
    redis::Encoder(&connection->Begin())
        .Request({"CONFIG", "SET", "maxmemory", std::to_string(bytes)});
    connection->Expect(new Told, io_.loop.now_ms());
  }
}

void Worker::ScheduleFlush(int64_t seconds) {
  flush_number_ = shared_.flushes.fetch_add(1) + 1;
  if (seconds > 0) flush_.Once(static_cast<uint64_t>(seconds) * 1000);
}

}  // namespace mcrelay::worker
