// Monitor shows the daemon to those who watch it: systemd (status line, watchdog, reload), the
// admin HTTP server, `stats`.
//
// Owned by the server, whose main thread calls everything but what is marked. Gathering a View
// locks for a moment what the main thread changes; the workers only publish atomics.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "config/config.h"
#include "daemon/admin/server.h"
#include "daemon/admin/view.h"
#include "daemon/net/loop.h"
#include "daemon/worker/shared.h"
#include "daemon/worker/snapshot.h"

namespace mcrelay::server {

class Monitor {
 public:
  // What is counted of a listener. The main thread writes, and of `clients` also the worker that a
  // client leaves; any reads.
  struct ListenerCounts {
    explicit ListenerCounts(std::string listener_address) : address(std::move(listener_address)) {}
    const std::string address;
    std::atomic<bool> open{true};
    std::atomic<uint64_t> accepted{0};
    std::atomic<uint64_t> clients{0};  // connected now
  };

  // `ask_nodes` is called every few seconds while there is an admin server: it shall make a worker
  // ask the nodes how much they hold.
  Monitor(net::Loop& loop, const worker::Shared& shared, std::function<void()> ask_nodes);

  // Binds the admin address, if there is one; throws std::runtime_error.
  void OpenAdmin(const config::Config& config);
  // Lives as long as the Monitor. Before Ready().
  [[nodiscard]] ListenerCounts& AddListener(const std::string& address);

  // `snapshot` is what is in use from now on.
  void Use(std::shared_ptr<const worker::Snapshot> snapshot);
  // REQUIRES: Use() was called, the workers run.
  void Ready();
  void Reloading();
  void Reloaded(bool taken_over);
  void Stopping();

  // Any thread.
  [[nodiscard]] admin::View Look() const;

 private:
  void ReadLoops(admin::View* view) const;
  [[nodiscard]] std::string StatusLine() const;
  void Beat();

  net::Loop& loop_;
  const worker::Shared& shared_;
  const std::function<void()> ask_nodes_;
  net::Timer beat_;
  uint64_t beats_ = 0;
  net::Timer watchdog_;
  std::atomic<uint64_t> main_turned_ms_{0};
  std::string told_;  // the status line
  std::deque<ListenerCounts> listeners_;

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const worker::Snapshot> snapshot_;
  admin::Phase phase_ = admin::Phase::kStarting;
  admin::ReloadValues reload_;

  std::unique_ptr<admin::Server> admin_;  // last: its threads look at all of the above
};

}  // namespace mcrelay::server
