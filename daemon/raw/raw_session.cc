#include "daemon/raw/raw_session.h"

#include <utility>

#include "protocol/redis/encoder.h"

namespace mcrelay::raw {
namespace {

constexpr size_t kMostUnsent = 1u << 20;
constexpr size_t kMostLoginReply = 1024;

}  // namespace

// One of the two streams.
class RawSession::Side final : public net::StreamOwner {
 public:
  Side(RawSession& session, net::Stream::Kind kind)
      : session_(session), stream_(session.io_.loop, session.io_.buffers, this, kind) {}

  [[nodiscard]] net::Stream& stream() { return stream_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  Space OnReadSpace() override {
    return {session_.io_.scratch.data(), session_.io_.scratch.size()};
  }
  void OnRead(size_t bytes) override {
    session_.OnBytes(*this, {session_.io_.scratch.data(), bytes});
  }
  void OnEnd(int error) override {
    ended_ = true;
    session_.OnEnd(*this, error);
  }
  void OnConnected(int error) override { session_.OnConnected(error); }
  void OnDrained() override { session_.OnWritten(); }
  void OnClosed() override { session_.OnSideClosed(); }

  RawSession& session_;
  net::Stream stream_;
  bool ended_ = false;
};

RawSession::RawSession(net::Io& io, RawOwner& owner, const config::Backend& backend,
                       uint32_t connect_ms, net::Stream::Kind kind)
    : io_(io),
      owner_(owner),
      backend_(backend),
      connect_ms_(connect_ms),
      client_(std::make_unique<Side>(*this, kind)),
      server_(std::make_unique<Side>(
          *this, backend.unix_path.empty() ? net::Stream::Kind::kTcp : net::Stream::Kind::kUnix)),
      deadline_(io.loop, [this] { Refuse("backend unavailable"); }) {}

RawSession::~RawSession() = default;

bool RawSession::Adopt(int fd) {
  if (!client_->stream().Adopt(fd)) return false;
  deadline_.Once(connect_ms_);
  sockaddr_storage address{};
  if (!backend_.unix_path.empty()) {
    if (server_->stream().ConnectUnix(backend_.unix_path) != 0) deadline_.Once(0);
  } else if (net::ParseIp(backend_.host, backend_.port, &address)) {
    Connect(0, reinterpret_cast<const sockaddr*>(&address));
  } else {
    lookup_ = std::make_unique<net::Lookup>(
        io_.loop, backend_.host, backend_.port, 0,
        [this](int error, const sockaddr* found) { Connect(error, found); });
  }
  return true;
}

void RawSession::Connect(int error, const sockaddr* address) {
  if (error == 0) error = server_->stream().ConnectTcp(address);
  if (error != 0) deadline_.Once(0);
}

void RawSession::OnConnected(int error) {
  if (error != 0) {
    Refuse("backend unavailable");
    return;
  }
  server_->stream().StartReading();
  SendLogin();
}

void RawSession::SendLogin() {
  redis::Encoder encoder(&server_->stream().out());
  if (!backend_.password.empty()) {
    if (backend_.username.empty()) {
      encoder.Request({"AUTH", backend_.password});
    } else {
      encoder.Request({"AUTH", backend_.username, backend_.password});
    }
    ++replies_due_;
  }
  encoder.Begin(2).Arg("SELECT").Arg(int64_t{backend_.db});
  ++replies_due_;
  server_->stream().Flush();
}

// Returns what came behind them.
std::string_view RawSession::TakeLoginReplies(std::string_view bytes) {
  while (replies_due_ > 0) {
    const size_t newline = bytes.find('\n');
    reply_.append(bytes.substr(0, newline));
    if (newline == std::string_view::npos) {
      if (reply_.size() > kMostLoginReply) Refuse("backend does not speak Redis's protocol");
      return {};
    }
    bytes.remove_prefix(newline + 1);
    if (!reply_.starts_with("+OK")) {
      Refuse("the backend refused the login");
      return {};
    }
    reply_.clear();
    --replies_due_;
  }
  joined_ = true;
  deadline_.Stop();
  client_->stream().StartReading();
  return bytes;
}

void RawSession::OnBytes(Side& side, std::string_view bytes) {
  if (!joined_) bytes = TakeLoginReplies(bytes);
  if (bytes.empty()) return;
  net::Stream& other = (&side == client_.get() ? *server_ : *client_).stream();
  if (other.closing()) return;
  other.out().Append(bytes);
  other.Flush();
  if (other.unsent_bytes() > kMostUnsent) side.stream().StopReading();
}

// The client's end is passed on, so that the server answers what it was sent and ends by itself.
// The server's end ends the client, once it has read what is left.
void RawSession::OnEnd(Side& side, int error) {
  if (&side == server_.get()) {
    ending_ = true;
  } else if (error != 0 || !joined_) {
    Destroy();
    return;
  }
  OnWritten();
}

void RawSession::OnWritten() {
  net::Stream& client = client_->stream();
  net::Stream& server = server_->stream();
  if (client.closing()) return;
  if (ending_) {
    if (client.unsent_bytes() == 0) Destroy();
    return;
  }
  if (!joined_) return;
  if (server.unsent_bytes() <= kMostUnsent && !client_->ended()) client.StartReading();
  if (client.unsent_bytes() <= kMostUnsent && !server_->ended()) server.StartReading();
  if (client_->ended() && server.unsent_bytes() == 0) server.EndOutput();
}

void RawSession::Refuse(std::string_view reason) {
  net::Stream& client = client_->stream();
  if (ending_ || client.closing()) return;
  ending_ = true;
  client.out().Append("-ERR mcrelay: ");
  client.out().Append(reason);
  client.out().Append("\r\n");
  client.Flush();
  OnWritten();
}

void RawSession::Destroy() {
  lookup_.reset();
  deadline_.Stop();
  client_->stream().Close();
  server_->stream().Close();
}

void RawSession::OnSideClosed() {
  if (--sides_open_ == 0) owner_.OnRawClosed(this);
}

}  // namespace mcrelay::raw
