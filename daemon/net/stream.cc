#include "daemon/net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/net/loop.h"

namespace mcrelay::net {
namespace {

// Reads of one turn, as long as each fills the space it was given: one busy peer must not keep the
// loop from the others.
constexpr int kMostReads = 32;

void SetOption(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

Stream::Stream(Loop& loop, BufferPool& pool, StreamOwner* owner, Kind kind)
    : loop_(loop), pool_(pool), owner_(owner), kind_(kind) {}

Stream::~Stream() { assert(closing_ && "destroyed before OnClosed()"); }

bool Stream::Adopt(int fd) {
  if (!loop_.Watch(fd, this)) return false;
  fd_ = fd;
  if (kind_ == Kind::kTcp) SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return true;
}

int Stream::Connect(const sockaddr* address, socklen_t bytes) {
  constexpr int kKeepAliveSeconds = 60;
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (kind_ == Kind::kTcp) {
    SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveSeconds);
  }
  if (connect(fd, address, bytes) != 0 && errno != EINPROGRESS && errno != EINTR) {
    const int error = errno;
    close(fd);
    return -error;
  }
  if (!loop_.Watch(fd, this)) {
    const int error = errno;
    close(fd);
    return -error;
  }
  fd_ = fd;
  connecting_ = true;
  loop_.WatchWriting(fd_, this, true);
  return 0;
}

int Stream::ConnectTcp(const sockaddr* address) {
  return Connect(address,
                 address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
}

int Stream::ConnectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  return Connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

void Stream::OnEvents(uint32_t events) {
  if (closing_) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  const bool writable = (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
  if (connecting_) {
    if (writable) FinishConnect();
    return;
  }
  Read();
  if (writable && full_) SendOut();
}

void Stream::OnReadAgain() {
  queued_ = false;
  if (!closing_) Read();
}

void Stream::FinishConnect() {
  int error = 0;
  socklen_t bytes = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &bytes);
  connecting_ = false;
  loop_.WatchWriting(fd_, this, false);
  owner_->OnConnected(-error);
}

void Stream::StartReading() {
  if (reading_ || closing_) return;
  reading_ = true;
  if (readable_ && !std::exchange(queued_, true)) loop_.ReadAgain(this);
}

void Stream::StopReading() { reading_ = false; }

void Stream::Read() {
  for (int reads = 0; readable_ && reading_; ++reads) {
    if (reads == kMostReads) {
      if (!std::exchange(queued_, true)) loop_.ReadAgain(this);
      return;
    }
    const StreamOwner::Space space = owner_->OnReadSpace();
    const ssize_t bytes = recv(fd_, space.data, space.bytes, 0);
    if (bytes > 0) {
      // Less than there was room for: that was all.
      if (static_cast<size_t>(bytes) < space.bytes && !ended_) readable_ = false;
      owner_->OnRead(static_cast<size_t>(bytes));
    } else if (bytes == 0) {
      readable_ = false;
      Fail(0);
    } else if (errno != EINTR) {
      readable_ = false;
      if (errno != EAGAIN) Fail(-errno);
    }
  }
}

void Stream::Flush() {
  if (closing_ || out_.empty() || full_ || connecting_) return;  // full: OnDrained() comes
  SendOut();
}

void Stream::FlushEarly() {
  if (closing_ || out_.empty() || full_ || connecting_) return;
  if (Send(&out_) == 0 && out_.empty()) pool_.Return(&out_);
}

void Stream::Write(Buffer* bytes) {
  const int error = closing_ || !out_.empty() ? 0 : Send(bytes);
  if (error == 0 && !closing_ && !bytes->empty()) out().Append(bytes->view());
  bytes->Clear();  // before anything is called back, which may put in there what goes elsewhere
  if (error != 0) {
    Fail(error);
  } else {
    Flush();
  }
}

void Stream::SendOut() {
  const int error = Send(&out_);
  if (error != 0) {
    SetFull(false);
    Fail(error);
  } else if (out_.empty()) {
    pool_.Return(&out_);
    if (!full_) return;
    SetFull(false);
    owner_->OnDrained();
  }
}

// Sends what the socket takes at once; the rest stays in `bytes`, and the socket is watched.
int Stream::Send(Buffer* bytes) {
  while (!bytes->empty()) {
    const ssize_t sent = send(fd_, bytes->data(), bytes->size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      sent_bytes_ += static_cast<size_t>(sent);
      bytes->Consume(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      SetFull(true);
      return 0;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return 0;
}

void Stream::SetFull(bool full) {
  if (full_ != full) loop_.WatchWriting(fd_, this, full);
  full_ = full;
}

// Reports the end of the stream, `error` 0 for the peer's. The owner closes it then.
void Stream::Fail(int error) {
  StopReading();
  owner_->OnEnd(error);
}

void Stream::HalfClose() {
  out_.Clear();
  pool_.Return(&out_);
  if (fd_ >= 0) SetFull(false);
  EndOutput();
  readable_ = true;  // its reading may have ended with the error that this answers
  StartReading();
}

void Stream::EndOutput() {
  if (!closing_ && fd_ >= 0) shutdown(fd_, SHUT_WR);
}

void Stream::Close() {
  if (closing_) return;
  closing_ = true;
  reading_ = false;
  full_ = false;
  out_.Clear();
  pool_.Return(&out_);
  loop_.Release(fd_, this);
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace mcrelay::net
