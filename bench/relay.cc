// mcrelay_bench_relay PORT TO: passes bytes on between clients of 127.0.0.1:PORT and a connection
// of each to 127.0.0.1:TO, and does nothing else. What it adds to a round trip no proxy can save.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

sockaddr_in Loopback(const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  return address;
}

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Relay {
 public:
  Relay(const sockaddr_in& from, const sockaddr_in& to) : to_(to) {
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0) Fail("bind");
    if (listen(listener_, 1024) != 0) Fail("listen");
    Watch(listener_);
  }

  [[noreturn]] void Run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        if (fd == listener_) {
          Accept();
        } else {
          Pass(fd);
        }
      }
    }
  }

 private:
  void Watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Fail("epoll_ctl");
  }

  void Accept() {
    const int client = accept(listener_, nullptr, nullptr);
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    if (client < 0 || connect(server, reinterpret_cast<const sockaddr*>(&to_), sizeof(to_)) != 0)
      Fail("connect");
    const int on = 1;
    other_.resize(std::max(other_.size(), static_cast<size_t>(std::max(client, server)) + 1));
    for (const int fd : {client, server}) {
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      other_[static_cast<size_t>(fd)] = fd == client ? server : client;
      Watch(fd);
    }
  }

  void Pass(int fd) {
    const int other = other_[static_cast<size_t>(fd)];
    if (other == 0) return;  // closed in this turn
    const ssize_t got = recv(fd, bytes_.data(), bytes_.size(), 0);
    if (got > 0 && send(other, bytes_.data(), static_cast<size_t>(got), MSG_NOSIGNAL) == got)
      return;
    for (const int end : {fd, other}) {
      other_[static_cast<size_t>(end)] = 0;
      close(end);
    }
  }

  const sockaddr_in to_;
  const int epoll_ = epoll_create1(0);
  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  std::vector<int> other_;  // descriptor -> where its bytes go, 0: nowhere
  std::array<char, 64 * 1024> bytes_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("Usage: mcrelay_bench_relay PORT TO\n", stderr);
    return 2;
  }
  Relay(Loopback(argv[1]), Loopback(argv[2])).Run();
}
