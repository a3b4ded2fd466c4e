// Reads where things are: backend LOCATION strings and listen addresses.
//
// Backends:  host[:port[:db]]   [v6][:port[:db]]   unix:/path[:db]
//            redis://[user[:password]@]host[:port][/db]   unix://[user[:password]@]/path[?db=N]
// Listeners: host[:port]   [v6][:port]   v6   *   unix:/path
//
// Pure functions, any thread. Errors are returned as text, `found what, expected what`, with
// secrets masked; empty means success.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"

namespace mcrelay::config {

// Sets everything but `weight`. `name` stays empty; `ring_name` is the text as written, secret
// included; `location` is the same with the password as ***.
[[nodiscard]] std::string ParseBackend(std::string_view text, Backend* backend);

// `default_port` is used where the text has none. Port 0 lets the kernel choose.
[[nodiscard]] std::string ParseAddress(std::string_view text, uint16_t default_port,
                                       Address* address);

// `scheme://user:password@rest` with the password as ***; other text unchanged.
std::string MaskLocation(std::string_view text);
// The bytes of the password in `scheme://user:password@rest`: empty when there is none.
std::string_view PasswordIn(std::string_view text);

// The address as `listen` would name it, for messages and for telling two apart.
std::string FormatAddress(const Address& address);
// host:port with IPv6 in brackets.
std::string HostPort(std::string_view host, uint16_t port);
// Whether only this machine can reach it.
bool IsLoopback(const Address& address);

}  // namespace mcrelay::config
