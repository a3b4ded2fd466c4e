// Worker is one thread with one loop: its own sessions, its own connection to every node, its own
// memory. Workers share nothing on the data path.
//
// Owned by the server, which starts, drains and joins it.
// Threading: the public functions may be called from any thread; all the rest runs on the worker's
// own. Order at the end of a turn: sessions that had to wait go on; then each connection writes
// once; then each session that has answers writes once.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "daemon/client/context.h"
#include "daemon/client/session.h"
#include "daemon/net/io.h"
#include "daemon/raw/raw_session.h"
#include "daemon/worker/shared.h"
#include "daemon/worker/snapshot.h"

namespace mcrelay::worker {

class Worker final : private net::TurnHook, private client::Control, private raw::RawOwner {
 public:
  // `index` counts from 0; `salt` differs between processes.
  Worker(Shared& shared, size_t index, uint64_t salt, std::shared_ptr<const Snapshot> snapshot);
  ~Worker();

  void Start();
  // Takes over an accepted socket. `listener` counts the clients of its listener, this one too; one
  // is taken off when the client leaves.
  void Adopt(int fd, net::Stream::Kind kind, std::atomic<uint64_t>& listener);
  // The same for a socket of raw_listen.
  void AdoptRaw(int fd, net::Stream::Kind kind, std::atomic<uint64_t>& listener);
  // Takes over a new configuration.
  void Apply(std::shared_ptr<const Snapshot> snapshot);
  // Gives the embedded store another limit.
  void LimitStore(uint64_t bytes);
  // Gives `done` what its sessions say for `stats conns`, on the worker's thread.
  void Describe(std::function<void(const std::string& lines)> done);
  // Asks every node how much it holds; see client::FactsTask.
  void AskNodes();
  // Closes what is idle, answers what is in flight; the thread ends when all sessions are gone.
  void Drain();
  // Ends the thread now, whatever is open.
  void Stop();
  void Join();

  [[nodiscard]] size_t sessions() const { return session_count_.load(std::memory_order_relaxed); }

 private:
  void Run();
  void OnPolled() override;
  void OnTurnEnd() override;
  void Tick();
  void CloseIdle();
  void GiveMemoryBack();
  void MakeRouter(const Snapshot& snapshot, route::Router* before);
  void DrainRound();
  void StopWhenDrained();
  void CloseRaw();

  std::string Stats(std::string_view args) override;
  void ListConnections(std::function<void(const std::string& lines)> done) override;
  void ScheduleFlush(int64_t seconds) override;
  void SetStoreMemory(uint64_t bytes) override;
  void Shutdown() override { shared_.shutdown(); }
  void OnSessionClosed(client::Session* session) override;
  void OnRawClosed(raw::RawSession* session) override;

  Shared& shared_;
  const size_t index_;
  const uint64_t salt_;
  net::Io io_;
  client::Context context_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<client::Session*> sessions_;
  std::vector<raw::RawSession*> raw_sessions_;
  std::vector<client::Session*> flushing_;                // scratch of OnTurnEnd()
  std::vector<std::unique_ptr<route::Router>> retiring_;  // replaced by a reload, still answering
  std::atomic<size_t> session_count_{0};
  net::Timer tick_;   // looks at deadlines while requests are in flight
  net::Timer idle_;   // looks for silent clients, when they have a timeout
  net::Timer drain_;  // closes silent clients while the daemon stops
  net::Timer flush_;  // a delayed flush_all
  uint64_t flush_number_ = 0;
  bool check_deadlines_ = false;
  bool client_left_ = false;  // since memory was given back
  size_t seen_freed_bytes_ = 0;
  uint64_t gave_ms_ = 0;
  bool draining_ = false;
  int drain_rounds_ = 0;
  std::thread thread_;
};

}  // namespace mcrelay::worker
