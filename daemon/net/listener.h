// Listener accepts connections on one listening socket and hands each descriptor on.
//
// Owned by the server; used on the main thread's loop.
// Failure: out of descriptors it pauses and tries again, so that neither the processor nor the
// listener is lost; the kernel's backlog holds the clients meanwhile.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/net/loop.h"

namespace mcrelay::net {

// Opens a listening socket on every address that `host` has; empty and *error on failure ("Address
// already in use", ...).
[[nodiscard]] std::vector<int> ListenTcp(const std::string& host, uint16_t port, int backlog,
                                         std::string* error);
// Opens one on a socket file; -1 and *error on failure.
// `access` are the permission bits of the socket file. A left-over file that nobody listens on is
// replaced; one that somebody listens on is an error.
[[nodiscard]] int ListenUnix(const std::string& path, uint32_t access, int backlog,
                             std::string* error);
// The port a TCP socket is bound to; 0 for a Unix socket.
[[nodiscard]] uint16_t BoundPort(int fd);
[[nodiscard]] bool IsUnixSocket(int fd);
[[nodiscard]] bool IsIpv6Socket(int fd);

class Listener {
 public:
  // Takes over `fd`. `accepted` owns each descriptor it gets; `exhausted` is told the errno when
  // accepting had to pause.
  Listener(Loop& loop, int fd, std::function<void(int fd)> accepted,
           std::function<void(int error)> exhausted);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

 private:
  void OnReadable();

  struct Poll;
  Poll* poll_;
  const int fd_;
  std::function<void(int)> accepted_;
  std::function<void(int)> exhausted_;
  Timer pause_;
};

}  // namespace mcrelay::net
