#include "bench/generator/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mcrelay::bench {

// Below 64 ns a bucket is a nanosecond; from there on, bucket = (doublings above 64, next six
// bits).
size_t Histogram::BucketOf(uint64_t ns) {
  if (ns < (1u << kSubBits)) return ns;
  const int shift = std::bit_width(ns) - 1 - kSubBits;
  return (static_cast<size_t>(shift + 1) << kSubBits) + ((ns >> shift) & ((1u << kSubBits) - 1));
}

int64_t Histogram::UpperEdge(size_t bucket) {
  if (bucket < (1u << kSubBits)) return static_cast<int64_t>(bucket);
  const size_t shift = (bucket >> kSubBits) - 1;
  const size_t step = (bucket & ((1u << kSubBits) - 1)) + (1u << kSubBits);
  return static_cast<int64_t>(((step + 1) << shift) - 1);
}

void Histogram::Add(int64_t ns) {
  ns = std::max<int64_t>(ns, 0);
  max_ = std::max(max_, ns);
  ++buckets_[std::min(BucketOf(static_cast<uint64_t>(ns)), buckets_.size() - 1)];
  ++count_;
}

int64_t Histogram::Percentile(double fraction) const {
  const auto rank = static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= std::max<uint64_t>(rank, 1)) return std::min(UpperEdge(i), max_);
  }
  return max_;
}

}  // namespace mcrelay::bench
