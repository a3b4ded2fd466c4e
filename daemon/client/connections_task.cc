#include "daemon/client/connections_task.h"

#include <string>

#include "daemon/client/context.h"
#include "daemon/client/session.h"

namespace mcrelay::client {

ConnectionsTask::ConnectionsTask(Session& session, Context& context)
    : session_(std::make_shared<Session*>(&session)) {
  context.control.ListConnections([session = session_](const std::string& lines) {
    if (*session != nullptr) (*session)->EndTask(lines + "END\r\n");
  });
}

}  // namespace mcrelay::client
