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
#include <string>
#include <utility>

#include "config/config.h"
#include "daemon/backend/facts.h"
#include "daemon/backend/removals.h"
#include "protocol/redis/error.h"

namespace mcrelay::backend {

class Node {
 public:
  explicit Node(config::Backend backend) : backend_(std::move(backend)) {}

  [[nodiscard]] const config::Backend& backend() const { return backend_; }
  [[nodiscard]] const std::string& name() const { return backend_.name; }

  // A worker's connection was ejected or came back. True when the process's view changed: log it.
  [[nodiscard]] bool ReportDown() { return !down_.exchange(true, std::memory_order_relaxed); }
  [[nodiscard]] bool ReportUp() { return down_.exchange(false, std::memory_order_relaxed); }
  [[nodiscard]] bool down() const { return down_.load(std::memory_order_relaxed); }

  [[nodiscard]] Removals& removals() { return removals_; }

  struct Counters {
    std::atomic<uint64_t> connects{0};
    std::atomic<uint64_t> failures{0};  // connections lost or not made
    std::atomic<uint64_t> timeouts{0};  // requests overdue
    std::atomic<uint64_t> ejections{0};
    std::array<std::atomic<uint64_t>, redis::kErrorKinds> errors{};  // error replies by kind
  };
  Counters counters;
  Facts facts;

 private:
  const config::Backend backend_;
  std::atomic<bool> down_{false};
  Removals removals_;
};

}  // namespace mcrelay::backend
