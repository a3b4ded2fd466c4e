// Server is the daemon: listeners, workers, signals, the embedded store, reload and stop.
//
// Owned by main(); runs on the main thread, whose loop accepts clients and hears signals. Each new
// client goes to the worker with the fewest sessions.
// Order at start: listeners, then the pid file, privileges, then the embedded store, then workers;
// so that a busy port is an error before anything else was done. Failure: the constructor throws
// std::runtime_error with a line for the operator (exit status 1).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/print.h"
#include "daemon/embedded/embedded.h"
#include "daemon/net/listener.h"
#include "daemon/net/loop.h"
#include "daemon/server/monitor.h"
#include "daemon/server/process.h"
#include "daemon/server/socket_files.h"
#include "daemon/worker/shared.h"
#include "daemon/worker/snapshot.h"
#include "daemon/worker/worker.h"

namespace mcrelay::server {

class Server {
 public:
  // Reads the configuration again, for SIGHUP; nullptr and *error when it is not valid.
  using Reload = std::function<std::unique_ptr<config::Config>(std::string* error)>;

  // Whether the files that `config` names can be used; else *error.
  [[nodiscard]] static bool Check(const config::Config& config, std::string* error) {
    return worker::CheckFiles(config, error);
  }

  Server(config::Config config, Reload reload);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until SIGTERM or SIGINT and the drain after it; `ready` is called once it does.
  void Run(const std::function<void()>& ready);

 private:
  struct OpenListener {
    Monitor::ListenerCounts& counts;
    std::unique_ptr<net::Listener> listener;
    std::string unix_path;  // to be removed at the end
  };

  // A configuration that is about to be taken over: while it is found out who serves what, the one
  // before goes on serving.
  struct Incoming {
    std::unique_ptr<config::Config> config;
    std::vector<config::Change> changes;
    std::shared_ptr<const worker::Snapshot> snapshot;
    uint64_t until_ms;  // loop time at which it serves without knowing
  };

  void OpenListeners();
  void OpenSockets(const config::Address& address, bool raw);
  void Listen(int fd, const std::string& unix_path, bool raw = false);
  void StartWorkers();
  void OnAccepted(int fd, net::Stream::Kind kind, bool raw, Monitor::ListenerCounts& counts);
  // `stats conns`: the listeners' lines, then what each worker says. Any thread.
  void ListConnections(std::function<void(std::string lines)> done);
  void OnExhausted(int error);
  void OnHangup();
  [[nodiscard]] bool Prepare();
  void TakeOverWhenKnown();
  void TakeOver(Incoming incoming);
  [[nodiscard]] static bool KeepRunning(std::string_view why);
  static void Tell(const std::vector<config::Change>& changes,
                   const std::vector<std::string>& warnings);
  void Stop();
  void StopWhenDrained();

  config::Config config_;
  const Reload reload_;
  net::Loop loop_;
  worker::Shared shared_;
  Monitor monitor_;
  std::vector<OpenListener> listeners_;
  SocketFiles socket_files_;
  std::unique_ptr<PidFile> pid_file_;
  std::unique_ptr<embedded::Embedded> embedded_;
  std::shared_ptr<const worker::Snapshot> snapshot_;
  std::vector<std::unique_ptr<worker::Worker>> workers_;
  std::vector<std::unique_ptr<net::Signal>> signals_;
  std::unique_ptr<Incoming> incoming_;  // null: no reload is under way
  bool reload_again_ = false;           // asked for while one is
  net::Timer look_;                     // whether incoming_'s topology is known
  net::Timer drain_;
  net::Timer kill_;
  bool stopping_ = false;
  bool told_full_ = false;
  bool told_exhausted_ = false;
  uint64_t rejected_ = 0;
};

}  // namespace mcrelay::server
