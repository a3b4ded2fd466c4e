// Histogram of durations: 64 steps per doubling, so a percentile is exact to 1.6 %.
//
// One thread. Never allocates after construction; durations above 2^40 ns count as that.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mcrelay::bench {

class Histogram {
 public:
  void Add(int64_t ns);
  [[nodiscard]] uint64_t count() const { return count_; }
  // Nanoseconds that `fraction` (0 .. 1) of all durations do not exceed; 0 when there are none.
  [[nodiscard]] int64_t Percentile(double fraction) const;
  [[nodiscard]] int64_t max() const { return max_; }

 private:
  static constexpr int kSubBits = 6;
  static constexpr int kDoublings = 40;
  static size_t BucketOf(uint64_t ns);
  static int64_t UpperEdge(size_t bucket);

  std::array<uint64_t, static_cast<size_t>(kDoublings) << kSubBits> buckets_{};
  uint64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace mcrelay::bench
