// ConnectionsTask answers `stats conns`: it asks the main thread and every worker for their sockets
// and hands on what they say.
//
// Owned by its session; the answer finds nobody when the client has gone meanwhile.
// Threading: its worker's thread.
#pragma once

#include <memory>

#include "daemon/client/task.h"

namespace mcrelay::client {

struct Context;
class Session;

class ConnectionsTask final : public Task {
 public:
  ConnectionsTask(Session& session, Context& context);
  ~ConnectionsTask() override { *session_ = nullptr; }

 private:
  std::shared_ptr<Session*> session_;  // null once the session gave up
};

}  // namespace mcrelay::client
