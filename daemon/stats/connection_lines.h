// The lines of `stats conns` for one socket, as memcached writes them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mcrelay::stats {

struct ConnectionReport {
  int fd = -1;
  std::string address;
  std::string listen_address;  // empty: it is a listener
  std::string_view state;      // one of memcached's: conn_read, ...
  uint64_t silent_seconds = 0;
};

[[nodiscard]] std::string ConnectionLines(const ConnectionReport& connection);

}  // namespace mcrelay::stats
