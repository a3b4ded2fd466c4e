// Yardstick measures how far away every node of a view is: a PING now and then, on a connection of
// its own, whose round trip is smoothed into Node::round_trip_us.
//
// Owned by the Watcher while somebody reads from the nearest node; its loop's thread only.
// Failure: what is not answered yet counts for as long as it has been waited for, so a node that
// stalls moves away at once and not when it answers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/net/io.h"
#include "daemon/route/probe.h"
#include "daemon/route/view.h"

namespace mcrelay::route {

class Watcher;

class Yardstick final : public Probe::User {
 public:
  // Borrows both.
  Yardstick(net::Io& io, const Watcher& watcher, uint32_t timeout_ms);

 private:
  struct Measured {
    std::shared_ptr<backend::Node> node;
    std::unique_ptr<Probe> probe;
    uint64_t asked_us = 0;
    uint32_t smoothed_us = 0;  // 0: never answered
  };

  void OnProbeReply(Probe& probe, size_t index, const redis::Reply& reply) override;
  void OnProbeFailed(Probe& probe, const std::string& reason) override;

  void Follow(const View& view);
  void Tick();
  void Ask(Measured& one);
  // It takes so long, or at least so long.
  void Note(Measured& one, uint64_t took_us);
  [[nodiscard]] Measured& Of(const Probe& probe);

  net::Io& io_;
  const Watcher& watcher_;
  const uint32_t timeout_ms_;
  std::shared_ptr<const View> view_;  // that all_ is of
  std::vector<Measured> all_;
  net::Timer tick_;
};

}  // namespace mcrelay::route
