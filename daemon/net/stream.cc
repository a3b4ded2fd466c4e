#include "daemon/net/stream.h"

#include <sys/socket.h>

#include <cassert>
#include <cstring>

#include "daemon/net/loop.h"

namespace mcrelay::net {
namespace {

struct ConnectRequest {
  uv_connect_t request;
  Stream* stream;
};

}  // namespace

// What the socket did not take at once: `writing` belongs to libuv until the callback.
struct Stream::Unsent {
  uv_write_t request;
  Buffer writing;
  bool in_flight = false;
  Stream* stream;  // null once the Stream was closed
};

Stream::Stream(Loop& loop, BufferPool& pool, StreamOwner* owner, Kind kind)
    : pool_(pool), owner_(owner) {
  if (kind == Kind::kTcp) {
    uv_tcp_init(loop.uv(), &handle_.tcp);
  } else {
    uv_pipe_init(loop.uv(), &handle_.unix, 0);
  }
  handle_.any.data = this;
}

Stream::~Stream() { assert(closing_ && "destroyed before OnClosed()"); }

bool Stream::Adopt(int fd) {
  if (handle_.any.type == UV_TCP) {
    if (uv_tcp_open(&handle_.tcp, fd) != 0) return false;
    uv_tcp_nodelay(&handle_.tcp, 1);
    return true;
  }
  return uv_pipe_open(&handle_.unix, fd) == 0;
}

namespace {

void OnConnectDone(uv_connect_t* request, int status);

}  // namespace

int Stream::ConnectTcp(const sockaddr* address) {
  constexpr unsigned kKeepAliveSeconds = 60;
  auto* connect = new ConnectRequest{{}, this};
  connect->request.data = owner_;
  const int status = uv_tcp_connect(&connect->request, &handle_.tcp, address, OnConnectDone);
  if (status != 0) {
    delete connect;
    return status;
  }
  uv_tcp_nodelay(&handle_.tcp, 1);
  uv_tcp_keepalive(&handle_.tcp, 1, kKeepAliveSeconds);
  return 0;
}

int Stream::ConnectUnix(const std::string& path) {
  auto* connect = new ConnectRequest{{}, this};
  connect->request.data = owner_;
  uv_pipe_connect(&connect->request, &handle_.unix, path.c_str(), OnConnectDone);
  return 0;
}

namespace {

void OnConnectDone(uv_connect_t* request, int status) {
  const std::unique_ptr<ConnectRequest> connect(reinterpret_cast<ConnectRequest*>(request));
  // After Close() the callback still comes, with UV_ECANCELED, before OnClosed().
  if (!connect->stream->closing()) static_cast<StreamOwner*>(request->data)->OnConnected(status);
}

}  // namespace

void Stream::StartReading() {
  if (reading_ || closing_) return;
  reading_ = true;
  uv_read_start(
      stream(),
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        const StreamOwner::Space space = static_cast<Stream*>(handle->data)->owner_->OnReadSpace();
        *buffer = uv_buf_init(space.data, static_cast<unsigned>(space.bytes));
      },
      [](uv_stream_t* handle, ssize_t bytes, const uv_buf_t*) {
        auto* self = static_cast<Stream*>(handle->data);
        if (bytes > 0) {
          self->owner_->OnRead(static_cast<size_t>(bytes));
        } else if (bytes < 0) {
          self->StopReading();
          self->owner_->OnEnd(bytes == UV_EOF ? 0 : static_cast<int>(bytes));
        }
      });
}

void Stream::StopReading() {
  if (!reading_) return;
  reading_ = false;
  uv_read_stop(stream());
}

int Stream::fd() const {
  uv_os_fd_t fd = -1;
  return uv_fileno(&handle_.any, &fd) == 0 ? fd : -1;
}

Buffer& Stream::out() {
  pool_.Lend(&out_);
  return out_;
}

void Stream::Flush() {
  if (closing_ || out_.empty()) return;
  if (unsent_ != nullptr && unsent_->in_flight) return;  // OnDrained() comes
  uv_buf_t buffer = uv_buf_init(const_cast<char*>(out_.data()), static_cast<unsigned>(out_.size()));
  const int written = uv_try_write(stream(), &buffer, 1);
  if (written < 0 && written != UV_EAGAIN) {
    Fail(written);
    return;
  }
  if (written > 0) out_.Consume(static_cast<size_t>(written));
  if (out_.empty()) {
    pool_.Return(&out_);
  } else {
    WriteUnsent();
  }
}

void Stream::WriteUnsent() {
  if (unsent_ == nullptr) unsent_ = std::make_unique<Unsent>();
  unsent_->writing.Swap(out_);
  unsent_->stream = this;
  unsent_->in_flight = true;
  unsent_->request.data = unsent_.get();
  uv_buf_t buffer = uv_buf_init(const_cast<char*>(unsent_->writing.data()),
                                static_cast<unsigned>(unsent_->writing.size()));
  const int status =
      uv_write(&unsent_->request, stream(), &buffer, 1, [](uv_write_t* request, int result) {
        auto* unsent = static_cast<Unsent*>(request->data);
        Stream* self = unsent->stream;
        if (self == nullptr) {  // closed meanwhile: nobody else holds it
          delete unsent;
          return;
        }
        unsent->in_flight = false;
        unsent->writing.Clear();
        if (result < 0) {
          self->Fail(result);
          return;
        }
        self->Flush();
        // Flush() may have closed the stream, and with it freed `unsent`.
        if (!self->closing_ && !unsent->in_flight) {
          self->unsent_.reset();
          self->owner_->OnDrained();
        }
      });
  if (status != 0) {
    unsent_->in_flight = false;
    Fail(status);
  }
}

// Reports a write error as the end of the stream. The owner closes it then.
void Stream::Fail(int error) {
  StopReading();
  owner_->OnEnd(error);
}

void Stream::HalfClose() {
  out_.Clear();
  // What libuv still holds fails by our own doing: that says nothing of the peer.
  if (unsent_ != nullptr && unsent_->in_flight) unsent_.release()->stream = nullptr;
  unsent_.reset();
  uv_os_fd_t fd;
  // Not uv_shutdown(), which would first write what libuv still holds.
  if (uv_fileno(&handle_.any, &fd) == 0) shutdown(fd, SHUT_WR);
}

size_t Stream::unsent_bytes() const {
  return out_.size() + (unsent_ == nullptr ? 0 : unsent_->writing.size());
}

void Stream::EndOutput() {
  uv_os_fd_t fd = -1;
  if (!closing_ && uv_fileno(&handle_.any, &fd) == 0) shutdown(fd, SHUT_WR);
}

void Stream::Close() {
  if (closing_) return;
  closing_ = true;
  reading_ = false;
  out_.Clear();
  pool_.Return(&out_);
  if (unsent_ != nullptr && unsent_->in_flight) {
    unsent_.release()->stream = nullptr;  // its write callback frees it
  }
  unsent_.reset();
  uv_close(&handle_.any,
           [](uv_handle_t* handle) { static_cast<Stream*>(handle->data)->owner_->OnClosed(); });
}

}  // namespace mcrelay::net
