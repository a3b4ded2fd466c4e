#include "bench/generator/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <system_error>

namespace mcrelay::bench {
namespace {

int Open(const Options& options, std::string* why) {
  sockaddr_storage address{};
  socklen_t length = 0;
  if (!options.unix_path.empty()) {
    auto* un = reinterpret_cast<sockaddr_un*>(&address);
    un->sun_family = AF_UNIX;
    options.unix_path.copy(un->sun_path, sizeof(un->sun_path) - 1);
    length = sizeof(*un);
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&address);
    in->sin_family = AF_INET;
    in->sin_port = htons(options.port);
    if (inet_pton(AF_INET, options.host.c_str(), &in->sin_addr) != 1) {
      *why = "not an IPv4 address: " + options.host;
      return -1;
    }
    length = sizeof(*in);
  }
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    *why = "cannot connect: " + std::system_category().message(errno);
    if (fd >= 0) close(fd);
    return -1;
  }
  return fd;
}

}  // namespace

Client::~Client() {
  if (fd_ >= 0) close(fd_);
}

bool Client::Connect(const Options& options, std::string* why) {
  fd_ = Open(options, why);
  if (fd_ < 0) return false;
  const int on = 1;
  if (options.unix_path.empty()) setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK) == 0;
}

bool Client::Send() {
  while (out_sent < out.size()) {
    const ssize_t n = send(fd_, out.data() + out_sent, out.size() - out_sent, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    out_sent += static_cast<size_t>(n);
  }
  out.clear();
  out_sent = 0;
  return true;
}

}  // namespace mcrelay::bench
