// Probe asks one server about the topology, one question at a time, or listens to what it
// publishes.
//
// Owned by a discovery. Connects when it is first asked, and again after a failure.
// Threading: its loop's thread.
// Failure: User::OnProbeFailed() once per question: no connection, no answer in time, connection
// lost. The user must not destroy the probe from its callbacks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "config/config.h"
#include "daemon/backend/link.h"
#include "daemon/net/io.h"
#include "protocol/buffer.h"

namespace mcrelay::route {

class Probe final : private backend::LinkUser {
 public:
  class User {
   public:
    // Reply `index` of the question. The views in it die with the call.
    virtual void OnProbeReply(Probe& probe, size_t index, const redis::Reply& reply) = 0;
    virtual void OnProbeFailed(Probe& probe, const std::string& reason) = 0;

   protected:
    ~User() = default;
  };

  // Borrows `io` and `user`.
  Probe(net::Io& io, config::Backend backend, uint32_t timeout_ms, User& user);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Sends `requests`, which cause `replies` replies. REQUIRES: !busy().
  void Ask(std::string_view requests, size_t replies);
  // As Ask(), but replies come for as long as the connection lives, without a time limit.
  void Listen(std::string_view requests);
  [[nodiscard]] bool busy() const { return busy_; }
  // In OnProbeFailed(): Redis's words when it did not let us in; else empty.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] const config::Backend& backend() const { return link_settings_.backend; }

 private:
  bool StreamArray(size_t) override { return false; }
  void OnElement(const redis::Reply&, size_t) override {}
  void OnReply(const redis::Reply& reply) override;
  bool ExpectsReply() const override { return busy_; }
  void OnLinkUp() override;
  void OnLinkDown(const std::string& reason, bool by_us) override;
  void OnRetiredEnd(backend::Link*) override {}

  void Begin();

  net::Io& io_;
  const backend::Link::Settings link_settings_;
  const uint32_t timeout_ms_;
  User& user_;
  backend::Link* link_ = nullptr;
  std::string refusal_;
  bool up_ = false;
  bool busy_ = false;
  bool listens_ = false;
  size_t replies_ = 0;
  size_t answered_ = 0;
  Buffer requests_;
  net::Timer overdue_;
};

}  // namespace mcrelay::route
