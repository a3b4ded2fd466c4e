// Discovery finds out who serves what, and goes on watching: one implementation per topology.
//
// Owned by the Watcher; its loop's thread only.
// Failure: what cannot be found out leaves the last finding as it is; the attempt is repeated, more
// often while a primary is away.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/net/io.h"
#include "daemon/route/registry.h"
#include "daemon/route/view.h"

namespace mcrelay::route {

class Discovery {
 public:
  // What one discovery found: one set, or all of a cluster.
  struct Found {
    std::vector<SetView> sets;
    std::shared_ptr<const SlotMap> slots;
  };
  struct Settings {
    uint32_t timeout_ms;  // for connecting, and for an answer
    std::string name;     // of the set, in logs
    std::shared_ptr<Registry> registry;
    std::function<void(Found)> found;  // called when it differs from the last
    // Of a cluster: called after each answer, with the loop time at which the look began.
    std::function<void(uint64_t begun_ms)> looked{};
  };

  virtual ~Discovery() = default;
  // Somebody met a sign of change: look again now. `hint`, when it has a host, knows best.
  virtual void Recheck(const placement::Endpoint& hint) = 0;

 protected:
  static constexpr uint64_t kCalmMs = 1000;     // between looks when all is well
  static constexpr uint64_t kTroubledMs = 100;  // when something is not
};

}  // namespace mcrelay::route
