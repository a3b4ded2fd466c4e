#include "daemon/backend/link.h"

#include <utility>

#include "protocol/redis/encoder.h"

namespace mcrelay::backend {

Link* Link::Open(net::Io& io, const Settings& settings, LinkUser* user) {
  auto* link = new Link(io, settings, user);
  link->Start();
  return link;
}

Link::Link(net::Io& io, const Settings& settings, LinkUser* user)
    : io_(io),
      settings_(settings),
      user_(user),
      stream_(std::make_unique<net::Stream>(
          io.loop, io.buffers, this,
          settings.backend.unix_path.empty() ? net::Stream::Kind::kTcp : net::Stream::Kind::kUnix)),
      decoder_(this, settings.reply_bytes),
      deadline_(io.loop, [this] {
        if (connect_error_ != 0) {
          OnConnected(connect_error_);
        } else {
          Fail(lookup_ != nullptr && lookup_->pending() ? "its name was not found in time"
                                                        : "no answer to the handshake in time");
        }
      }) {}

// Every outcome is reported from a later turn, so that Open()'s caller has its pointer first.
void Link::Start() {
  deadline_.Once(settings_.connect_ms);
  const config::Backend& backend = settings_.backend;
  if (!backend.unix_path.empty()) {
    if (const int error = stream_->ConnectUnix(backend.unix_path); error != 0)
      Connect(error, nullptr);
    return;
  }
  sockaddr_storage address{};
  if (net::ParseIp(backend.host, backend.port, &address)) {
    Connect(0, reinterpret_cast<const sockaddr*>(&address));
    return;
  }
  lookup_ = std::make_unique<net::Lookup>(
      io_.loop, backend.host, backend.port, settings_.attempt,
      [this](int error, const sockaddr* found) { Connect(error, found); });
}

void Link::Connect(int error, const sockaddr* address) {
  if (error == 0) error = stream_->ConnectTcp(address);
  if (error == 0) return;
  connect_error_ = error;
  deadline_.Once(0);
}

void Link::OnConnected(int error) {
  if (user_ == nullptr) return;
  if (error != 0) {
    Fail(std::string("connect: ") + uv_strerror(error));
    return;
  }
  stream_->StartReading();
  SendHandshake();
}

void Link::SendHandshake() {
  const config::Backend& backend = settings_.backend;
  redis::Encoder encoder(&stream_->out());
  const auto expect = [&](Expected step) { handshake_.push_back(step); };
  if (!backend.password.empty()) {
    if (backend.username.empty()) {
      encoder.Request({"AUTH", backend.password});
    } else {
      encoder.Request({"AUTH", backend.username, backend.password});
    }
    expect(Expected::kAuth);
  }
  if (backend.db != 0) {
    encoder.Begin(2).Arg("SELECT").Arg(int64_t{backend.db});
    expect(Expected::kSelect);
  }
  encoder.Request({"CLIENT", "SETNAME", "mcrelay"});
  expect(Expected::kName);
  encoder.Request({"CLIENT", "ID"});
  expect(Expected::kClientId);
  encoder.Request({"CLIENT", "INFO"});
  expect(Expected::kClientInfo);
  if (settings_.reads_replica) {
    encoder.Request({"READONLY"});
    expect(Expected::kReadOnly);
  }
  for (const std::string_view script : settings_.scripts) {
    encoder.Request({"SCRIPT", "LOAD", script});
    expect(Expected::kScript);
  }
  stream_->Flush();
}

// Managed services and other proxies refuse some of it: only what decides where and as whom we
// write is fatal.
bool Link::CheckHandshake(Expected step, const redis::Reply& reply) {
  switch (step) {
    case Expected::kAuth:
    case Expected::kSelect:
      if (!reply.is_error()) return true;
      refusal_ = reply.text;
      Fail(std::string(step == Expected::kAuth ? "AUTH" : "SELECT") +
           " was refused: " + std::string(reply.text));
      return false;
    case Expected::kClientId:
      if (reply.is_integer()) server_side_.client_id = reply.integer;
      return true;
    case Expected::kClientInfo: {
      const size_t at = reply.is_string() ? reply.text.find(" addr=") : std::string_view::npos;
      // Over a Unix socket every client has the server's path as its address, and ids begin anew
      // when a server does: killing by them could end somebody else's.
      if (at != std::string_view::npos && settings_.backend.unix_path.empty()) {
        const std::string_view rest = reply.text.substr(at + 6);
        server_side_.address = rest.substr(0, rest.find(' '));
      }
      return true;
    }
    case Expected::kName:
    case Expected::kReadOnly:
    case Expected::kScript:
      return true;
  }
  return true;
}

void Link::Send(Buffer* requests) { stream_->Write(requests); }

void Link::Close() {
  if (user_ == nullptr) return;
  user_ = nullptr;
  Stop();
  stream_->Close();
}

void Link::Stop() {
  lookup_.reset();
  deadline_.Stop();
  decoder_.Abort("closed");
}

void Link::Retire(std::shared_ptr<OldConnection> old) {
  old_ = std::move(old);
  stream_->HalfClose();
}

void Link::Fail(const std::string& reason, bool by_us) {
  LinkUser* const user = user_;
  if (user == nullptr) return;
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it may be a member's, see Stop()
  const std::string why = reason;
  Stop();
  user->OnLinkDown(why, by_us);
  if (old_ == nullptr) Close();
}

net::StreamOwner::Space Link::OnReadSpace() { return {io_.scratch.data(), io_.scratch.size()}; }

void Link::OnRead(size_t bytes) {
  if (old_ != nullptr) return;  // answers to requests that were given up
  const bool readable = decoder_.Feed({io_.scratch.data(), bytes});
  if (old_ != nullptr) return;  // a reply that did not fit its request: told already
  if (!readable) {
    Fail("bad reply: " + decoder_.error());
  } else if (up_ && decoder_.buffered_bytes() > 0 && !user_->ExpectsReply()) {
    Fail("bytes nobody asked for");  // kept, they would become part of another request's reply
  }
}

void Link::OnEnd(int error) {
  // After an end of file or a reset the other side reads this connection no more. What else our
  // kernel says, and any error in writing, is our side's opinion only.
  const bool other_side_knows = error == 0 || error == UV_ECONNRESET;
  if (old_ == nullptr) {
    Fail(
        error == 0 ? "closed by the server" : std::string("connection lost: ") + uv_strerror(error),
        !other_side_knows);
    return;
  }
  // Any other error: keepalive found nobody for minutes, longer than Redis keeps such a connection
  // itself.
  old_->OnClosed();
  LinkUser* const user = user_;
  Close();
  user->OnRetiredEnd(this);
}

bool Link::StreamArray(size_t count) { return up_ && user_->StreamArray(count); }

void Link::OnElement(const redis::Reply& reply, size_t index) { user_->OnElement(reply, index); }

void Link::OnReply(const redis::Reply& reply) {
  if (up_) {
    user_->OnReply(reply);
    return;
  }
  if (handshake_at_ == handshake_.size()) {
    Fail("a reply nobody asked for");
    return;
  }
  if (!CheckHandshake(handshake_[handshake_at_++], reply)) return;
  if (handshake_at_ < handshake_.size()) return;
  up_ = true;
  deadline_.Stop();
  user_->OnLinkUp();
}

}  // namespace mcrelay::backend
