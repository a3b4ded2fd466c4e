#include "daemon/stats/connection_lines.h"

#include <spdlog/fmt/fmt.h>

namespace mcrelay::stats {

std::string ConnectionLines(const ConnectionReport& connection) {
  const int fd = connection.fd;
  std::string lines = fmt::format("STAT {}:addr {}\r\n", fd, connection.address);
  if (!connection.listen_address.empty()) {
    lines += fmt::format("STAT {}:listen_addr {}\r\n", fd, connection.listen_address);
  }
  return lines + fmt::format("STAT {0}:state {1}\r\nSTAT {0}:secs_since_last_cmd {2}\r\n", fd,
                             connection.state, connection.silent_seconds);
}

}  // namespace mcrelay::stats
