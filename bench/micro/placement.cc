// Which node a key lives on, by distribution, hash and number of nodes.

#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "protocol/placement/placement.h"
#include "protocol/placement/slot.h"

namespace mcrelay::bench {
namespace {

using placement::Distribution;
using placement::Hash;

std::array<std::string, 256> Keys() {
  std::array<std::string, 256> keys;
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = "bench:" + std::to_string(10000000 + i * 7919);
  return keys;
}

void Pick(benchmark::State& state, Distribution distribution, Hash hash) {
  std::vector<placement::PlacementNode> nodes;
  for (int64_t i = 0; i < state.range(0); ++i)
    nodes.push_back({"10.0.0." + std::to_string(i) + ":6379"});
  const auto ring = placement::MakePlacement({distribution, hash, ""}, nodes);
  const auto keys = Keys();
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ring->Pick(keys[++i % keys.size()]));
}

void Slot(benchmark::State& state) {
  const auto keys = Keys();
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(placement::KeySlot(keys[++i % keys.size()]));
}

BENCHMARK_CAPTURE(Pick, ketama_fnv1a_64, Distribution::kKetama, Hash::kFnv1a64)
    ->Arg(2)
    ->Arg(16)
    ->Arg(64);
BENCHMARK_CAPTURE(Pick, ketama_md5, Distribution::kKetama, Hash::kMd5)->Arg(16);
BENCHMARK_CAPTURE(Pick, modula_fnv1a_64, Distribution::kModula, Hash::kFnv1a64)->Arg(16);
BENCHMARK_CAPTURE(Pick, rendezvous_fnv1a_64, Distribution::kRendezvous, Hash::kFnv1a64)
    ->Arg(2)
    ->Arg(16);
BENCHMARK_CAPTURE(Pick, django_redis, Distribution::kDjangoRedis, Hash::kFnv1a64)->Arg(16);
BENCHMARK(Slot);

}  // namespace
}  // namespace mcrelay::bench
