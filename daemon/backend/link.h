// Link is one attempt at a connection to a Redis server: look-up, connect, handshake, then replies
// until it ends. It is never reused: after an error, a timeout or an unexpected byte a new one is
// made.
//
// Owned by itself: Close() detaches it from its user at once, and it deletes itself when libuv has
// released the handle.
// Threading: its loop's thread.
// Failure: LinkUser::OnLinkDown() once, with the reason for the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "daemon/backend/removals.h"
#include "daemon/net/io.h"
#include "daemon/net/resolver.h"
#include "daemon/net/stream.h"
#include "protocol/redis/decoder.h"

namespace mcrelay::backend {

class Link;

class LinkUser : public redis::ReplySink {
 public:
  // A reply is due. (A user that asks one thing after the other always waits for something.)
  [[nodiscard]] virtual bool ExpectsReply() const { return true; }
  // The handshake is done: Send() may be used.
  virtual void OnLinkUp() = 0;
  // It ended, or never began. The Link is gone for the user. `by_us`: the other side may not know
  // yet; unless the user calls link->Retire() now, it is closed.
  virtual void OnLinkDown(const std::string& reason, bool by_us) = 0;
  // A retired Link has ended and is gone.
  virtual void OnRetiredEnd(Link* link) = 0;

 protected:
  ~LinkUser() = default;
};

class Link final : public net::StreamOwner, private redis::ReplySink {
 public:
  struct Settings {
    config::Backend backend;
    uint32_t connect_ms;
    size_t reply_bytes;
    std::vector<std::string_view> scripts;  // loaded in the handshake; static storage
    size_t attempt = 0;                     // of a host with several addresses, which
    bool reads_replica = false;             // READONLY: a cluster's replica is to answer reads
  };

  // Starts at once. Borrows `io`, `settings` and `user` until OnLinkDown() or Close().
  static Link* Open(net::Io& io, const Settings& settings, LinkUser* user);

  // Queues the bytes of `requests` (emptied) and writes as much as the socket takes.
  void Send(Buffer* requests);
  [[nodiscard]] size_t unsent_bytes() const { return stream_->unsent_bytes(); }
  // Ends it; no callback follows.
  void Close();
  // Inside OnLinkDown(): sends no more, but waits until the other side has closed the connection
  // too; `old` is told then.
  void Retire(std::shared_ptr<OldConnection> old);
  // An unexpected byte or reply: as a broken stream.
  void Fail(const std::string& reason, bool by_us = true);

  [[nodiscard]] const ServerSide& server_side() const { return server_side_; }
  // Redis's words when it did not let us in; else empty.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

  Space OnReadSpace() override;
  void OnRead(size_t bytes) override;
  void OnEnd(int error) override;
  void OnConnected(int error) override;
  void OnDrained() override {}
  void OnClosed() override { delete this; }

 private:
  enum class Expected : uint8_t {
    kAuth,
    kSelect,
    kName,
    kClientId,
    kClientInfo,
    kReadOnly,
    kScript
  };

  Link(net::Io& io, const Settings& settings, LinkUser* user);
  ~Link() = default;

  void Start();
  void Stop();
  void Connect(int error, const sockaddr* address);
  void SendHandshake();
  [[nodiscard]] bool CheckHandshake(Expected step, const redis::Reply& reply);

  bool StreamArray(size_t count) override;
  void OnElement(const redis::Reply& reply, size_t index) override;
  void OnReply(const redis::Reply& reply) override;

  net::Io& io_;
  const Settings& settings_;
  LinkUser* user_;                      // null once closed
  std::shared_ptr<OldConnection> old_;  // set once retired
  std::unique_ptr<net::Stream> stream_;
  redis::Decoder decoder_;
  std::unique_ptr<net::Lookup> lookup_;
  net::Timer deadline_;
  int connect_error_ = 0;  // found inside Open(); the timer brings the news
  std::vector<Expected> handshake_;
  size_t handshake_at_ = 0;
  bool up_ = false;
  ServerSide server_side_;
  std::string refusal_;
};

}  // namespace mcrelay::backend
