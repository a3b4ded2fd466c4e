#include "daemon/server/health.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

namespace mcrelay::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr timeval kTimeout = {2, 0};
constexpr size_t kMostBytes = 1024;

// Anything but VERSION refuses us, but it is memcached's protocol: all places are taken, or one has
// to log in first.
constexpr std::string_view kAnswers[] = {"VERSION ", "ERROR", "CLIENT_ERROR ", "SERVER_ERROR "};

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

// Up to and with the first line feed; less if it does not come in time.
std::string ReadLine(int fd) {
  const Clock::time_point end = Clock::now() + std::chrono::seconds(kTimeout.tv_sec);
  std::string line;
  char byte = 0;
  while (line.size() < kMostBytes && !line.ends_with('\n') && Clock::now() < end &&
         recv(fd, &byte, 1, 0) == 1) {
    line += byte;
  }
  return line;
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
  // Whoever refuses us may have closed already: what it said is there all the same.
  (void)!send(fd, kQuestion.data(), kQuestion.size(), MSG_NOSIGNAL);
  const std::string answer = ReadLine(fd);
  close(fd);
  const bool well_formed =
      answer.ends_with("\r\n") &&
      std::any_of(std::begin(kAnswers), std::end(kAnswers),
                  [&](std::string_view start) { return answer.starts_with(start); });
  if (well_formed) return true;
  return Unhealthy(address, answer.empty() ? "no answer to version" : "not a memcached answer");
}

}  // namespace mcrelay::server
