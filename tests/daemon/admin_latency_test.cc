#include <doctest/doctest.h>

#include "daemon/stats/latency.h"

namespace mcrelay::stats {

TEST_CASE("latency: every duration is in the bucket whose limits enclose it") {
  CHECK(LatencyBuckets::Of(0) == 0);
  CHECK(LatencyBuckets::Of(15) == 0);
  CHECK(LatencyBuckets::Of(16) == 1);
  for (uint64_t us = 0; us < 20'000'000; us += 1 + us / 37) {
    const int bucket = LatencyBuckets::Of(us);
    REQUIRE(bucket >= 0);
    REQUIRE(bucket < LatencyBuckets::kBuckets);
    if (bucket < LatencyBuckets::kBuckets - 1) CHECK(us < LatencyBuckets::Limit(bucket));
    if (bucket > 0) CHECK(us >= LatencyBuckets::Limit(bucket - 1));
  }
  CHECK(LatencyBuckets::Of(~uint64_t{0}) == LatencyBuckets::kBuckets - 1);
}

TEST_CASE("latency: percentiles are exact to a bucket, and differences count what came since") {
  Latency latency;
  for (int i = 0; i < 90; ++i) latency.Add(100);
  for (int i = 0; i < 10; ++i) latency.Add(5000);
  const LatencyCounts counts = latency.Read();
  CHECK(counts.count == 100);
  CHECK(counts.sum_us == 90 * 100 + 10 * 5000);
  CHECK(counts.Percentile(0.5) >= 96);
  CHECK(counts.Percentile(0.5) < 112);
  CHECK(counts.Percentile(0.99) >= 4096);
  CHECK(counts.Percentile(0.99) < 5120);

  latency.Add(70);
  const LatencyCounts later = latency.Read().Since(counts);
  CHECK(later.count == 1);
  CHECK(later.sum_us == 70);
  CHECK(LatencyCounts().Percentile(0.5) == 0);
}

TEST_CASE("latency: counts below a power of two are exact, for /metrics") {
  Latency latency;
  for (const uint64_t us : {15, 16, 31, 32, 127, 128}) latency.Add(us);
  const LatencyCounts counts = latency.Read();
  CHECK(counts.CountBelowDoubling(0) == 1);  // below 16 us
  CHECK(counts.CountBelowDoubling(1) == 3);  // below 32 us
  CHECK(counts.CountBelowDoubling(3) == 5);  // below 128 us
  CHECK(counts.CountBelowDoubling(4) == 6);
}

}  // namespace mcrelay::stats
