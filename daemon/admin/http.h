// Http is the library's server with a bound on each connection as a whole: its own timeouts start
// again with every byte, so that a few clients that send or read slowly would hold all threads.
//
// Owned by Server. Threading: connections are served on the task queue's threads; EndReading() may
// be called by any thread.
// Bounds: one request a connection; kPatience to send it, and as much again to take the answer.
#pragma once

#include <httplib.h>

#include <chrono>
#include <mutex>
#include <set>

namespace mcrelay::admin {

class Http final : public httplib::Server {
 public:
  static constexpr std::chrono::milliseconds kPatience{2000};

  // For the end: whoever is still sending a request is closed, whoever comes too. What is being
  // answered goes out.
  void EndReading();

 private:
  bool process_and_close_socket(  // NOLINT(readability-identifier-naming): theirs
      socket_t socket) override;
  // False once the end has come.
  [[nodiscard]] bool Enter(int socket);
  void Leave(int socket);

  std::mutex mutex_;
  bool ending_ = false;
  std::set<int> sockets_;  // in a task now
};

}  // namespace mcrelay::admin
