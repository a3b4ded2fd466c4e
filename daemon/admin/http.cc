#include "daemon/admin/http.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

namespace mcrelay::admin {
namespace {

using Clock = std::chrono::steady_clock;

// A blocking stream whose reads and writes all end at fixed moments.
class BoundedStream final : public httplib::Stream {
 public:
  explicit BoundedStream(int socket) : socket_(socket) {}

  // NOLINTBEGIN(readability-identifier-naming): theirs
  bool is_readable() const override { return from_ < end_ || Wait(POLLIN, read_by_); }
  bool is_writable() const override { return Wait(POLLOUT, write_by_); }

  // The library reads byte by byte.
  ssize_t read(char* to, size_t bytes) override {
    if (from_ == end_) {
      if (!is_readable()) return -1;
      const ssize_t got = recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got <= 0) return got;
      from_ = 0;
      end_ = static_cast<size_t>(got);
    }
    const size_t taken = std::min(bytes, end_ - from_);
    std::copy_n(buffer_.data() + from_, taken, to);
    from_ += taken;
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* from, size_t bytes) override {
    if (!is_writable()) return -1;
    return send(socket_, from, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  // Who asks does not matter here.
  void get_remote_ip_and_port(std::string& ip, int& port) const override { ip.clear(), port = 0; }
  void get_local_ip_and_port(std::string& ip, int& port) const override { ip.clear(), port = 0; }
  socket_t socket() const override { return socket_; }
  // NOLINTEND(readability-identifier-naming)

 private:
  [[nodiscard]] bool Wait(int16_t events, Clock::time_point deadline) const {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{socket_, events, 0};
    return left > 0 && poll(&entry, 1, static_cast<int>(left)) > 0;
  }

  const int socket_;
  const Clock::time_point read_by_ = Clock::now() + Http::kPatience;
  const Clock::time_point write_by_ = read_by_ + Http::kPatience;
  std::array<char, 4096> buffer_{};
  size_t from_ = 0;
  size_t end_ = 0;
};

}  // namespace

void Http::EndReading() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  for (const int socket : sockets_) shutdown(socket, SHUT_RD);
}

bool Http::process_and_close_socket(socket_t socket) {
  bool answered = false;
  if (Enter(socket)) {
    BoundedStream stream(socket);
    bool closed = false;
    answered = process_request(stream, /*close_connection=*/true, closed, nullptr);
    Leave(socket);
  }
  shutdown(socket, SHUT_RDWR);
  close(socket);
  return answered;
}

bool Http::Enter(int socket) {
  const std::lock_guard lock(mutex_);
  if (!ending_) sockets_.insert(socket);
  return !ending_;
}

void Http::Leave(int socket) {
  const std::lock_guard lock(mutex_);
  sockets_.erase(socket);
}

}  // namespace mcrelay::admin
