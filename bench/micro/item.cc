// The value format: header of a new item, and what a stored one decodes to.

#include <benchmark/benchmark.h>

#include <string>

#include "protocol/translate/item.h"

namespace mcrelay::bench {
namespace {

void EncodeHeader(benchmark::State& state) {
  uint64_t cas = 1;
  for (auto _ : state) {
    const translate::Header header(7, 0, ++cas);
    benchmark::DoNotOptimize(header.view().data());
  }
}

void Decode(benchmark::State& state, const std::string& stored) {
  for (auto _ : state) {
    translate::Item item;
    benchmark::DoNotOptimize(translate::DecodeItem(stored, &item));
    benchmark::DoNotOptimize(item);
  }
}

void DecodeTagged(benchmark::State& state) {
  const translate::Header header(7, 0, 42);
  Decode(state, std::string(header.view()) + std::string(100, 'v'));
}

void DecodeBare(benchmark::State& state) { Decode(state, std::string(116, 'v')); }

void CasOfBareValue(benchmark::State& state) {
  const std::string value(100, 'v');
  for (auto _ : state) benchmark::DoNotOptimize(translate::BareCas(value));
}

BENCHMARK(EncodeHeader);
BENCHMARK(DecodeTagged);
BENCHMARK(DecodeBare);
BENCHMARK(CasOfBareValue);

}  // namespace
}  // namespace mcrelay::bench
