// Histogram of how long things took, in fixed logarithmic buckets, and one of them per command.
//
// Written by one thread, read by any: relaxed loads and stores, no locked instruction, nothing to
// allocate. A reader sees counts that may be one command apart from each other.
//
//   bucket:      0        1 .. 4        5 .. 8        ...     kBuckets - 1
//   from (us):   0     16 20 24 28   32 40 48 56      ...       8 s and more
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <string_view>

namespace mcrelay::stats {

// What commands are told apart as; get also stands for gets, gat for gats.
enum class Command : uint8_t {
  kGet,
  kGat,
  kSet,
  kAdd,
  kReplace,
  kAppend,
  kPrepend,
  kCas,
  kIncr,
  kDecr,
  kDelete,
  kTouch,
  kMetaGet,
  kMetaSet,
  kMetaDelete,
  kMetaArithmetic,
  kMetaDebug,
};
inline constexpr int kCommands = static_cast<int>(Command::kMetaDebug) + 1;
[[nodiscard]] std::string_view CommandName(Command command);

// Four buckets for each doubling: a percentile is exact to a fifth.
class LatencyBuckets {
 public:
  static constexpr int kFirstBits = 4;  // below 16 us all are one
  static constexpr int kPerDoubling = 4;
  static constexpr int kDoublings = 19;  // 16 us to 8.4 s
  static constexpr int kBuckets = 1 + kDoublings * kPerDoubling + 1;

  [[nodiscard]] static constexpr int Of(uint64_t us) {
    if (us >> kFirstBits == 0) return 0;
    const int bits = std::bit_width(us) - 1;
    if (bits >= kFirstBits + kDoublings) return kBuckets - 1;
    return 1 + (bits - kFirstBits) * kPerDoubling + static_cast<int>((us >> (bits - 2)) & 3);
  }
  // What is in `bucket` is below this many microseconds. REQUIRES: bucket < kBuckets - 1.
  [[nodiscard]] static constexpr uint64_t Limit(int bucket) {
    const int doubling = bucket / kPerDoubling;
    return (uint64_t{4} + static_cast<uint64_t>(bucket % kPerDoubling))
           << (kFirstBits - 2 + doubling);
  }
};

// Plain numbers, for adding up and comparing.
struct LatencyCounts {
  std::array<uint64_t, LatencyBuckets::kBuckets> buckets{};
  uint64_t count = 0;
  uint64_t sum_us = 0;

  LatencyCounts& operator+=(const LatencyCounts& other);
  // REQUIRES: `earlier` was read before from the same histograms.
  [[nodiscard]] LatencyCounts Since(const LatencyCounts& earlier) const;
  // Microseconds that `share` (0 to 1) of the samples stay below, interpolated; 0 without samples.
  [[nodiscard]] double Percentile(double share) const;
  // Samples below `Limit` of the last bucket of doubling `doubling` (0: below 16 us).
  [[nodiscard]] uint64_t CountBelowDoubling(int doubling) const;
};

class Latency {
 public:
  void Add(uint64_t us) {
    Raise(buckets_[static_cast<size_t>(LatencyBuckets::Of(us))], 1);
    Raise(sum_us_, us);
  }
  [[nodiscard]] LatencyCounts Read() const;

 private:
  static void Raise(std::atomic<uint64_t>& value, uint64_t amount) {
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  std::array<std::atomic<uint64_t>, LatencyBuckets::kBuckets> buckets_{};
  std::atomic<uint64_t> sum_us_{0};
};

struct CommandLatencies {
  alignas(64) std::array<Latency, kCommands> of;

  void Add(Command command, uint64_t us) { of[static_cast<size_t>(command)].Add(us); }
};

}  // namespace mcrelay::stats
