#include "daemon/net/socket_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>

namespace mcrelay::net {
namespace {

template <typename Ask>
std::string Spell(Ask ask) {
  sockaddr_storage name{};
  socklen_t bytes = sizeof name;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (ask(reinterpret_cast<sockaddr*>(&name), &bytes) != 0) name.ss_family = AF_UNSPEC;
  if (name.ss_family == AF_INET) {
    const auto& ip4 = reinterpret_cast<const sockaddr_in&>(name);
    inet_ntop(AF_INET, &ip4.sin_addr, text.data(), text.size());
    return "tcp:" + std::string(text.data()) + ":" + std::to_string(ntohs(ip4.sin_port));
  }
  if (name.ss_family == AF_INET6) {
    const auto& ip6 = reinterpret_cast<const sockaddr_in6&>(name);
    inet_ntop(AF_INET6, &ip6.sin6_addr, text.data(), text.size());
    return "tcp6:[" + std::string(text.data()) + "]:" + std::to_string(ntohs(ip6.sin6_port));
  }
  if (name.ss_family == AF_UNIX && bytes > offsetof(sockaddr_un, sun_path)) {
    const char* path = reinterpret_cast<const sockaddr_un&>(name).sun_path;
    if (*path != '\0') return "unix:" + std::string(path);
    return "unix:@" + std::string(path + 1, bytes - offsetof(sockaddr_un, sun_path) - 1);
  }
  return "?:<AF 0>";
}

}  // namespace

std::string LocalName(int fd) {
  return Spell([fd](sockaddr* name, socklen_t* bytes) { return getsockname(fd, name, bytes); });
}

std::string PeerName(int fd) {
  return Spell([fd](sockaddr* name, socklen_t* bytes) { return getpeername(fd, name, bytes); });
}

std::string BoundAddress(int fd) {
  const std::string name = LocalName(fd);
  return name.starts_with("tcp") ? name.substr(name.find(':') + 1) : name;
}

}  // namespace mcrelay::net
