#include "daemon/server/health.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace mcrelay::server {
namespace {

constexpr timeval kTimeout = {2, 0};

int Connect(int family, const sockaddr* address, socklen_t bytes) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof kTimeout);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof kTimeout);
  if (connect(fd, address, bytes) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int ConnectTo(const config::Address& address) {
  if (!address.unix_path.empty()) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    address.unix_path.copy(name.sun_path, sizeof name.sun_path - 1);
    return Connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) !=
      0) {
    errno = EHOSTUNREACH;
    return -1;
  }
  int fd = -1;
  for (const addrinfo* one = found; fd < 0 && one != nullptr; one = one->ai_next) {
    fd = Connect(one->ai_family, one->ai_addr, one->ai_addrlen);
  }
  freeaddrinfo(found);
  return fd;
}

bool Unhealthy(const config::Address& address, const char* why) {
  std::fprintf(stderr, "mcrelay: %s: %s\n", address.text.c_str(), why);
  return false;
}

}  // namespace

bool CheckHealth(const config::Address& address) {
  constexpr std::string_view kQuestion = "version\r\n";
  const int fd = ConnectTo(address);
  if (fd < 0) return Unhealthy(address, std::strerror(errno));
  std::string answer;
  char bytes[256];
  if (send(fd, kQuestion.data(), kQuestion.size(), MSG_NOSIGNAL) ==
      static_cast<ssize_t>(kQuestion.size())) {
    ssize_t got = 0;
    while (answer.find('\n') == std::string::npos && (got = recv(fd, bytes, sizeof bytes, 0)) > 0) {
      answer.append(bytes, static_cast<size_t>(got));
    }
  }
  close(fd);
  if (answer.starts_with("VERSION ")) return true;
  return Unhealthy(address, answer.empty() ? "no answer to version" : "not a memcached answer");
}

}  // namespace mcrelay::server
