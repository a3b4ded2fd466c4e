// RawSession joins one client of raw_listen to one Redis connection of its own, byte for byte:
// every command, subscriptions, transactions and RESP3 work, for nothing is parsed.
//
//   client --> backend   once AUTH and SELECT of the backend's location were answered well
//   client <-- backend
//
// Owned by a worker, until RawOwner::OnRawClosed(). Threading: its worker's thread.
// Bounds: while one side leaves kMostUnsent bytes unread, the other is not read.
// Failure: a backend that cannot be reached, or refuses the login, earns one RESP error, then the
// client is closed. Whoever ends first, the other gets what is still on its way.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config/config.h"
#include "daemon/net/io.h"
#include "daemon/net/resolver.h"
#include "daemon/net/stream.h"

namespace mcrelay::raw {

class RawSession;

class RawOwner {
 public:
  // The session may be deleted.
  virtual void OnRawClosed(RawSession* session) = 0;

 protected:
  ~RawOwner() = default;
};

class RawSession {
 public:
  RawSession(net::Io& io, RawOwner& owner, const config::Backend& backend, uint32_t connect_ms,
             net::Stream::Kind kind);
  ~RawSession();

  // Takes over an accepted socket and begins. False: the socket is still the caller's.
  [[nodiscard]] bool Adopt(int fd);
  void Destroy();

  // Position in the worker's list.
  uint32_t index = 0;
  // The clients of the listener that it came through; see Worker::Adopt().
  std::atomic<uint64_t>* listener = nullptr;

 private:
  class Side;

  void Connect(int error, const sockaddr* address);
  void OnConnected(int error);
  void SendLogin();
  void OnBytes(Side& side, std::string_view bytes);
  [[nodiscard]] std::string_view TakeLoginReplies(std::string_view bytes);
  void OnEnd(Side& side, int error);
  void OnWritten();
  void Refuse(std::string_view reason);
  void OnSideClosed();

  net::Io& io_;
  RawOwner& owner_;
  const config::Backend backend_;
  const uint32_t connect_ms_;
  std::unique_ptr<Side> client_;
  std::unique_ptr<Side> server_;
  std::unique_ptr<net::Lookup> lookup_;
  net::Timer deadline_;
  std::string reply_;    // of the login, as far as it came
  int replies_due_ = 0;  // of the login
  bool joined_ = false;  // the login is done
  bool ending_ = false;  // the client is closed once it has what is left
  int sides_open_ = 2;
};

}  // namespace mcrelay::raw
