// Node is one Redis server as the whole process sees it: who it is, whether it is up, what happened
// to it.
//
// Owned by shared_ptr from the routes of every worker; outlives a reload that keeps the server.
// Threading: any; counters are relaxed atomics, each written by many workers but rarely (state
// changes, errors), so no cache line is fought over on the data path.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "daemon/backend/facts.h"
#include "daemon/backend/removals.h"
#include "daemon/stats/latency.h"
#include "protocol/redis/error.h"

namespace mcrelay::backend {

// What one worker's connection carries. Written by that worker only, read by any thread.
struct Traffic {
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> in_flight{0};  // as of the last turn
  std::atomic<bool> up{false};
  // Round trips, sampled: of a turn's requests the first, while no other sample is under way.
  stats::Latency round_trips;
};

struct TrafficSum {
  uint64_t requests = 0;
  uint64_t in_flight = 0;
  uint64_t connections_up = 0;
  stats::LatencyCounts round_trips;
};

struct Downtime {
  uint64_t total_ms = 0;  // since the start, the present outage included
  uint64_t state_ms = 0;  // since the node went down or came back; 0: it never went down
};

class Node {
 public:
  // `removals` of what was the same server under another name or user before a reload; null: none.
  // `refusal`: see refusal().
  explicit Node(config::Backend backend, std::shared_ptr<Removals> removals = nullptr,
                std::string refusal = {})
      : backend_(std::move(backend)),
        refusal_(std::move(refusal)),
        removals_(removals == nullptr ? std::make_shared<Removals>() : std::move(removals)) {}

  [[nodiscard]] const config::Backend& backend() const { return backend_; }
  [[nodiscard]] const std::string& name() const { return backend_.name; }
  // False: it stands for a server that nobody knows.
  [[nodiscard]] bool has_address() const {
    return !backend_.host.empty() || !backend_.unix_path.empty();
  }
  // Of one without an address: why nobody says who it is, in Redis's words; may be empty.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

  // A worker's connection was ejected or came back. True when the process's view changed: log it.
  // Both lock: not for the data path.
  [[nodiscard]] bool ReportDown(uint64_t now_ms) { return ReportState(true, now_ms); }
  [[nodiscard]] bool ReportUp(uint64_t now_ms) { return ReportState(false, now_ms); }
  [[nodiscard]] bool down() const { return down_.load(std::memory_order_relaxed); }
  [[nodiscard]] Downtime SumDowntime(uint64_t now_ms) const;

  // An error that tells of the node's own state is logged once a minute and kind, not per request.
  [[nodiscard]] bool WorthTelling(redis::ErrorKind kind, uint64_t now_ms) {
    constexpr uint64_t kPauseMs = 60'000;
    auto& told_ms = told_ms_[static_cast<size_t>(kind)];
    uint64_t before = told_ms.load(std::memory_order_relaxed);
    return (before == 0 || now_ms - before > kPauseMs) &&
           told_ms.compare_exchange_strong(before, now_ms, std::memory_order_relaxed);
  }
  // That items are hidden, and that no more are, is told once a minute, too: where a full server
  // refuses write after write, both happen all the time.
  [[nodiscard]] bool TellsHiding(uint64_t now_ms) {
    constexpr uint64_t kPauseMs = 60'000;
    uint64_t before = hiding_told_ms_.load(std::memory_order_relaxed);
    if (before != 0 && now_ms - before <= kPauseMs) return false;
    if (!hiding_told_ms_.compare_exchange_strong(before, now_ms)) return false;
    hiding_told_.store(true);
    return true;
  }
  [[nodiscard]] bool TellsRemoved() { return hiding_told_.exchange(false); }
  [[nodiscard]] Removals& removals() { return *removals_; }
  [[nodiscard]] const Removals& removals() const { return *removals_; }
  [[nodiscard]] const std::shared_ptr<Removals>& shared_removals() const { return removals_; }

  struct Counters {
    std::atomic<uint64_t> connects{0};
    std::atomic<uint64_t> failures{0};  // connections lost or not made
    std::atomic<uint64_t> timeouts{0};  // requests overdue
    std::atomic<uint64_t> ejections{0};
    std::array<std::atomic<uint64_t>, redis::kErrorKinds> errors{};  // error replies by kind
  };
  Counters counters;
  Facts facts;
  // Smoothed; 0: not measured. Written by the watcher, for those who read from the nearest node.
  std::atomic<uint32_t> round_trip_us{0};

  // Of a connection that is made; EndTraffic() when it is given up. They lock: not for the data
  // path.
  [[nodiscard]] std::shared_ptr<Traffic> NewTraffic();
  void EndTraffic(const std::shared_ptr<Traffic>& traffic);
  // Of all connections since the start.
  [[nodiscard]] TrafficSum SumTraffic() const;

 private:
  [[nodiscard]] bool ReportState(bool down, uint64_t now_ms);

  const config::Backend backend_;
  const std::string refusal_;
  std::atomic<bool> down_{false};
  mutable std::mutex state_mutex_;  // guards the times, and changes of down_
  uint64_t changed_ms_ = 0;         // by the loops' clock; 0: never
  uint64_t past_down_ms_ = 0;       // of the outages that are over
  const std::shared_ptr<Removals> removals_;
  std::array<std::atomic<uint64_t>, redis::kErrorKinds> told_ms_{};
  std::atomic<uint64_t> hiding_told_ms_{0};
  std::atomic<bool> hiding_told_{false};
  mutable std::mutex traffic_mutex_;
  std::vector<std::shared_ptr<Traffic>> traffic_;  // of the connections there are
  TrafficSum past_traffic_;                        // of those there were
};

}  // namespace mcrelay::backend
