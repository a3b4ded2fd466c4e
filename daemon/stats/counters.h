// Counters of one worker, under memcached's names where memcached has one.
//
// Written by their worker only, read by any thread: relaxed loads and stores, no locked
// instruction. fields.cc gives each its name and meaning.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace mcrelay::stats {

enum class Counter : uint8_t {
  kCurrConnections,
  kTotalConnections,
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
  kMetaCommands,
  kBackendFailed,
  kRetriedReads,
  kProtocolErrors,
  kClosedOverLimit,
  kClosedIdle,
  kTotalItems,
  kRemovals,
  kRemovalOverflows,
  kDiverted,
};
inline constexpr int kCounters = static_cast<int>(Counter::kDiverted) + 1;

// A value of each, in the order of the enum.
using CounterValues = std::array<uint64_t, kCounters>;

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
