// The names of a socket's ends.
//
// Pure questions to the kernel, for the rare listing; any thread that knows the descriptor is open.
#pragma once

#include <string>

namespace mcrelay::net {

// As memcached's `stats conns` spells them: `tcp:127.0.0.1:11211`, `tcp6:[::1]:11211`,
// `unix:/path`;
// `?:<AF 0>` for a client's end of a Unix socket, which has no name.
[[nodiscard]] std::string LocalName(int fd);
[[nodiscard]] std::string PeerName(int fd);

// What a listening socket is bound to, as the configuration spells it: `127.0.0.1:11211`,
// `[::1]:11211`, `unix:/path`. Different for any two sockets that can be reached.
[[nodiscard]] std::string BoundAddress(int fd);

}  // namespace mcrelay::net
