#include "daemon/net/listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mcrelay::net {
namespace {

constexpr uint64_t kPauseMs = 50;
// Accepts per wake-up: a flood must not keep the loop from signals and timers.
constexpr int kMostAccepts = 256;

int FailWith(int fd, const char* what, std::string* error) {
  *error = std::string(what) + ": " + std::strerror(errno);
  if (fd >= 0) close(fd);
  return -1;
}

int OpenTcp(const addrinfo& address, int backlog, std::string* error) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return FailWith(fd, "socket", error);
  const int on = 1;
  // For a restart while old connections linger; never SO_REUSEPORT, which would share a busy port.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // What is accepted inherits it: a host that vanished must not hold its place for ever.
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (address.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, address.ai_addr, address.ai_addrlen) != 0) return FailWith(fd, "bind", error);
  if (listen(fd, backlog) != 0) return FailWith(fd, "listen", error);
  return fd;
}

sockaddr_storage NameOf(int fd) {
  sockaddr_storage name{};
  socklen_t bytes = sizeof name;
  getsockname(fd, reinterpret_cast<sockaddr*>(&name), &bytes);
  return name;
}

// True when a server accepts connections on the socket file.
bool SomebodyListens(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const bool full = errno == EAGAIN;
  close(fd);
  return connected || full;
}

}  // namespace

std::vector<int> ListenTcp(const std::string& host, uint16_t port, int backlog,
                           std::string* error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.empty() || host == "*" ? nullptr : host.c_str(),
                                 std::to_string(port).c_str(), &hints, &found);
  if (status != 0) {
    *error = gai_strerror(status);
    return {};
  }
  std::vector<int> sockets;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int fd = OpenTcp(*address, backlog, error);
    if (fd < 0) {
      for (const int open : sockets) close(open);
      sockets.clear();
      break;
    }
    sockets.push_back(fd);
  }
  freeaddrinfo(found);
  return sockets;
}

int ListenUnix(const std::string& path, uint32_t access, int backlog, std::string* error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    *error = "the path is longer than " + std::to_string(sizeof address.sun_path - 1) + " bytes";
    return -1;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat existing;
  if (lstat(path.c_str(), &existing) == 0 && S_ISSOCK(existing.st_mode)) {
    if (SomebodyListens(address)) {
      *error = "Address already in use";
      return -1;
    }
    unlink(path.c_str());
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return FailWith(fd, "socket", error);
  const mode_t before = umask(~(access & 0777));
  const int bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(before);
  if (bound != 0) return FailWith(fd, "bind", error);
  if (listen(fd, backlog) != 0) return FailWith(fd, "listen", error);
  return fd;
}

uint16_t BoundPort(int fd) {
  const sockaddr_storage name = NameOf(fd);
  if (name.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
  }
  if (name.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(name).sin6_port);
  }
  return 0;
}

bool IsUnixSocket(int fd) { return NameOf(fd).ss_family == AF_UNIX; }
bool IsIpv6Socket(int fd) { return NameOf(fd).ss_family == AF_INET6; }

// Outlives the Listener until libuv has closed the handle.
struct Listener::Poll {
  uv_poll_t handle;
  Listener* listener;
  int fd;
};

Listener::Listener(Loop& loop, int fd, std::function<void(int)> accepted,
                   std::function<void(int)> exhausted)
    : poll_(new Poll{{}, this, fd}),
      fd_(fd),
      accepted_(std::move(accepted)),
      exhausted_(std::move(exhausted)),
      pause_(loop, [this] {
        uv_poll_start(&poll_->handle, UV_READABLE, [](uv_poll_t* handle, int, int) {
          static_cast<Poll*>(handle->data)->listener->OnReadable();
        });
      }) {
  uv_poll_init(loop.uv(), &poll_->handle, fd);
  poll_->handle.data = poll_;
  pause_.Once(0);
}

Listener::~Listener() {
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_->handle), [](uv_handle_t* handle) {
    auto* poll = static_cast<Poll*>(handle->data);
    close(poll->fd);
    delete poll;
  });
}

void Listener::OnReadable() {
  for (int i = 0; i < kMostAccepts; ++i) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted_(fd);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      const int error = errno;
      uv_poll_stop(&poll_->handle);
      pause_.Once(kPauseMs);
      exhausted_(error);
    }
    return;
  }
}

}  // namespace mcrelay::net
