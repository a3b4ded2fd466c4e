// Server is the admin HTTP server: /metrics, /healthz, /readyz, /stats.json and the status page.
//
// Owned by the daemon's server. Reads only: there is nothing to change through it, and no login, so
// it belongs on loopback; on a loopback address it also refuses requests for a foreign host name,
// which a page in somebody's browser could otherwise have made to point here.
// Threading: runs on threads of its own (one accepts, a few answer, one samples for the charts);
// the data path never waits for them. Each request takes a fresh View from `look`, which any of
// these threads calls. Bounds: one request a connection, 2 s to send it and
// 2 s to take the answer, 64 connections waiting.
// Failure: the constructor throws std::runtime_error when the address cannot be had.
#pragma once

#include <functional>
#include <memory>

#include "config/config.h"
#include "daemon/admin/view.h"

namespace mcrelay::admin {

class Server {
 public:
  // Binds; connections wait until Start().
  Server(const config::Address& address, std::function<View()> look);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Answers from now on. REQUIRES: `look` may be called.
  void Start();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mcrelay::admin
