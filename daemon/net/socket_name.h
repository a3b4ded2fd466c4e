// The two ends of a socket, spelt as memcached's `stats conns` spells them.
//
// Pure questions to the kernel, for the rare listing; any thread that knows the descriptor is open.
#pragma once

#include <string>

namespace mcrelay::net {

// `tcp:127.0.0.1:11211`, `tcp6:[::1]:11211`, `unix:/path`; `?:<AF 0>` for a client's end of a Unix
// socket, which has no name.
[[nodiscard]] std::string LocalName(int fd);
[[nodiscard]] std::string PeerName(int fd);

}  // namespace mcrelay::net
