// Counters of one worker, under memcached's names where memcached has one.
//
// Written by their worker only, read by any thread: relaxed loads and stores, no locked
// instruction. The table in counters.cc gives each its name and meaning; `stats`, /metrics and
// docs/operations.md come from it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace mcrelay::stats {

enum class Counter : uint8_t {
  kCurrConnections,
  kTotalConnections,
  kRejectedConnections,
  kCmdGet,
  kCmdSet,
  kCmdFlush,
  kCmdTouch,
  kCmdMeta,
  kGetHits,
  kGetMisses,
  kDeleteMisses,
  kDeleteHits,
  kIncrMisses,
  kIncrHits,
  kDecrMisses,
  kDecrHits,
  kCasMisses,
  kCasHits,
  kCasBadval,
  kTouchHits,
  kTouchMisses,
  kStoreTooLarge,
  kStoreNoMemory,
  kAuthCmds,
  kAuthErrors,
  kBytesRead,
  kBytesWritten,
  kConnYields,
  kBackendFailed,
  kRetriedReads,
  kProtocolErrors,
  kClosedOverLimit,
  kClosedIdle,
  kRemovals,
  kRemovalOverflows,
};
inline constexpr int kCounters = static_cast<int>(Counter::kRemovalOverflows) + 1;

struct CounterInfo {
  Counter counter;
  std::string_view name;  // in `stats`
  std::string_view meaning;
};
// In the order of the enum.
[[nodiscard]] std::span<const CounterInfo> AllCounters();

class Counters {
 public:
  void Add(Counter counter, uint64_t amount = 1) {
    auto& value = values_[static_cast<size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void Subtract(Counter counter) { Add(counter, ~uint64_t{0}); }
  [[nodiscard]] uint64_t Get(Counter counter) const {
    return values_[static_cast<size_t>(counter)].load(std::memory_order_relaxed);
  }

 private:
  alignas(64) std::array<std::atomic<uint64_t>, kCounters> values_{};
};

}  // namespace mcrelay::stats
