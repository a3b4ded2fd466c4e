#include "bench/generator/workload.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

#include "bench/generator/histogram.h"

namespace mcrelay::bench {
namespace {

TEST_CASE("bench: the ratio, the number of keys and the sizes are those asked for") {
  Options options;
  options.keys = 1000;
  options.sets = 1;
  options.gets = 3;
  options.multi_min = 10;
  options.multi_max = 20;
  options.value_min = 5;
  options.value_max = 300;
  const Workload workload(options);
  Random random(7);
  int sets = 0;
  std::set<uint32_t> sizes;
  for (int i = 0; i < 20000; ++i) {
    const Request request = workload.Draw(&random);
    sets += request.set ? 1 : 0;
    uint32_t keys = 0;
    workload.ForEachKey(request, [&](uint32_t number) {
      ++keys;
      REQUIRE(number < 1000);
      const uint32_t bytes = workload.ValueBytes(number);
      REQUIRE(bytes >= 5);
      REQUIRE(bytes <= 300);
      sizes.insert(bytes);
    });
    CHECK(keys == request.keys);
    if (!request.set) CHECK((keys >= 10 && keys <= 20));
  }
  CHECK(std::abs(sets - 5000) < 300);
  CHECK(sizes.size() > 200);
}

TEST_CASE("bench: a value is known by its key, whatever its size") {
  Options options;
  options.value_min = 1;
  options.value_max = 60;
  const Workload workload(options);
  for (uint32_t number = 0; number < 500; ++number) {
    std::string value;
    workload.AppendValue(number, &value);
    CHECK(value.size() == workload.ValueBytes(number));
    CHECK(workload.IsValue(number, value));
    value.back() ^= 1;
    CHECK_FALSE(workload.IsValue(number, value));
  }
}

TEST_CASE("bench: Zipf's law makes a few keys popular, and draws all below the count") {
  Options options;
  options.keys = 10000;
  options.zipf = 0.99;
  options.sets = 0;
  const Workload workload(options);
  Random random(7);
  std::map<uint32_t, int> drawn;
  const int draws = 100000;
  for (int i = 0; i < draws; ++i) ++drawn[workload.Draw(&random).first];
  CHECK(drawn.rbegin()->first < 10000);
  // The most popular key's share is 1 / zeta(10000, 0.99), about a tenth.
  double zeta = 0;
  for (int i = 1; i <= 10000; ++i) zeta += 1 / std::pow(i, 0.99);
  CHECK(std::abs(drawn[0] / static_cast<double>(draws) - 1 / zeta) < 0.01);
}

TEST_CASE("bench: percentiles are within 1.6 %") {
  Histogram histogram;
  for (int ns = 1; ns <= 100000; ++ns) histogram.Add(ns);
  for (const double fraction : {0.001, 0.5, 0.99, 0.999, 1.0}) {
    const double exact = fraction * 100000;
    const auto found = static_cast<double>(histogram.Percentile(fraction));
    CHECK(found >= exact);
    CHECK(found <= exact * 1.016);
  }
  CHECK(histogram.max() == 100000);
  CHECK(histogram.count() == 100000);
  CHECK(Histogram().Percentile(0.5) == 0);
}

}  // namespace
}  // namespace mcrelay::bench
