// The memcached parser over one command at a time, as a session calls it.

#include <benchmark/benchmark.h>

#include <string>

#include "protocol/memcache/parser.h"

namespace mcrelay::bench {
namespace {

void ParseAll(benchmark::State& state, const std::string& line) {
  std::string input;
  for (int i = 0; i < 64; ++i) input += line;
  const memcache::ParserLimits limits;
  for (auto _ : state) {
    for (std::string_view left = input; !left.empty();) {
      memcache::Command command;
      const memcache::ParseResult result = memcache::Parse(left, limits, false, 0, &command);
      if (result.status != memcache::ParseStatus::kCommand) {
        state.SkipWithError("not parsed as a command");
        return;
      }
      benchmark::DoNotOptimize(command);
      left.remove_prefix(result.consumed);
    }
  }
  state.SetItemsProcessed(state.iterations() * 64);
}

std::string Keys(int count) {
  std::string line = "get";
  for (int i = 0; i < count; ++i) line += " bench:" + std::to_string(10000000 + i);
  return line + "\r\n";
}

void ParseGet(benchmark::State& state) { ParseAll(state, Keys(1)); }
void ParseGet50Keys(benchmark::State& state) { ParseAll(state, Keys(50)); }
void ParseSet(benchmark::State& state) {
  ParseAll(state, "set bench:00000001 0 0 100\r\n" + std::string(100, 'v') + "\r\n");
}
void ParseMetaGet(benchmark::State& state) { ParseAll(state, "mg bench:00000001 v t f O123\r\n"); }
void ParseIncr(benchmark::State& state) { ParseAll(state, "incr bench:00000001 5\r\n"); }

BENCHMARK(ParseGet);
BENCHMARK(ParseGet50Keys);
BENCHMARK(ParseSet);
BENCHMARK(ParseMetaGet);
BENCHMARK(ParseIncr);

}  // namespace
}  // namespace mcrelay::bench
