#include "daemon/stats/latency.h"

#include <algorithm>

namespace mcrelay::stats {

std::string_view CommandName(Command command) {
  static constexpr std::array<std::string_view, kCommands> kNames = {
      "get",  "gat",    "set",   "add", "replace", "append", "prepend", "cas", "incr",
      "decr", "delete", "touch", "mg",  "ms",      "md",     "ma",      "me"};
  return kNames[static_cast<size_t>(command)];
}

LatencyCounts& LatencyCounts::operator+=(const LatencyCounts& other) {
  for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  count += other.count;
  sum_us += other.sum_us;
  return *this;
}

LatencyCounts LatencyCounts::Since(const LatencyCounts& earlier) const {
  LatencyCounts difference;
  for (size_t i = 0; i < buckets.size(); ++i) {
    difference.buckets[i] = buckets[i] - earlier.buckets[i];
  }
  difference.count = count - earlier.count;
  difference.sum_us = sum_us - earlier.sum_us;
  return difference;
}

double LatencyCounts::Percentile(double share) const {
  if (count == 0) return 0;
  const double wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(count);
  double below = 0;
  for (int bucket = 0; bucket < LatencyBuckets::kBuckets - 1; ++bucket) {
    const auto here = static_cast<double>(buckets[static_cast<size_t>(bucket)]);
    if (here > 0 && below + here >= wanted) {
      const double from = bucket == 0 ? 0 : static_cast<double>(LatencyBuckets::Limit(bucket - 1));
      const auto to = static_cast<double>(LatencyBuckets::Limit(bucket));
      return from + (to - from) * (wanted - below) / here;
    }
    below += here;
  }
  return static_cast<double>(LatencyBuckets::Limit(LatencyBuckets::kBuckets - 2));
}

uint64_t LatencyCounts::CountBelowDoubling(int doubling) const {
  uint64_t sum = 0;
  for (int bucket = 0; bucket <= doubling * LatencyBuckets::kPerDoubling; ++bucket) {
    sum += buckets[static_cast<size_t>(bucket)];
  }
  return sum;
}

LatencyCounts Latency::Read() const {
  LatencyCounts counts;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    counts.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    counts.count += counts.buckets[i];
  }
  counts.sum_us = sum_us_.load(std::memory_order_relaxed);
  return counts;
}

}  // namespace mcrelay::stats
