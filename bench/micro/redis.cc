// Requests to RESP, and replies from RESP in pieces of a socket read's size.

#include <benchmark/benchmark.h>

#include <string>

#include "protocol/buffer.h"
#include "protocol/redis/decoder.h"
#include "protocol/redis/encoder.h"
#include "protocol/translate/item.h"
#include "protocol/translate/requests.h"

namespace mcrelay::bench {
namespace {

constexpr size_t kReadBytes = 16 << 10;
constexpr size_t kReplyBytes = 8 << 20;

void EncodeGet(benchmark::State& state) {
  Buffer out;
  for (auto _ : state) {
    redis::Encoder(&out).Begin(2).Arg("GET").Arg({"app1:", "bench:00000001"});
    benchmark::DoNotOptimize(out.view().data());
    out.Consume(out.size());
  }
  state.SetItemsProcessed(state.iterations());
}

void EncodeSet(benchmark::State& state) {
  Buffer out;
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  const translate::Header header(1, 0, 42);
  for (auto _ : state) {
    translate::WriteSet("bench:00000001", header.view(), value, {}, "", &out);
    benchmark::DoNotOptimize(out.view().data());
    out.Consume(out.size());
  }
  state.SetItemsProcessed(state.iterations());
}

class Sink final : public redis::ReplySink {
 public:
  bool StreamArray(size_t /*count*/) override { return true; }
  void OnElement(const redis::Reply& reply, size_t /*index*/) override {
    bytes += reply.text.size();
  }
  void OnReply(const redis::Reply& reply) override { bytes += reply.text.size(); }
  size_t bytes = 0;
};

void DecodeAll(benchmark::State& state, const std::string& stream, int64_t values) {
  Sink sink;
  redis::Decoder decoder(&sink, kReplyBytes);
  for (auto _ : state) {
    for (size_t at = 0; at < stream.size(); at += kReadBytes) {
      if (!decoder.Feed(std::string_view(stream).substr(at, kReadBytes))) {
        state.SkipWithError(decoder.error().c_str());
        return;
      }
    }
  }
  benchmark::DoNotOptimize(sink.bytes);
  state.SetItemsProcessed(state.iterations() * values);
}

std::string Bulk(size_t bytes) {
  return "$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'v') + "\r\n";
}

void DecodeBulk(benchmark::State& state) {
  std::string stream;
  for (int i = 0; i < 64; ++i) stream += Bulk(static_cast<size_t>(state.range(0)));
  DecodeAll(state, stream, 64);
}

void DecodeMget(benchmark::State& state) {
  std::string stream = "*64\r\n";
  for (int i = 0; i < 64; ++i) stream += Bulk(116);
  DecodeAll(state, stream, 64);
}

void DecodeOk(benchmark::State& state) {
  std::string stream;
  for (int i = 0; i < 64; ++i) stream += "+OK\r\n";
  DecodeAll(state, stream, 64);
}

BENCHMARK(EncodeGet);
BENCHMARK(EncodeSet)->Arg(100)->Arg(4096);
BENCHMARK(DecodeBulk)->Arg(116)->Arg(4112);
BENCHMARK(DecodeMget);
BENCHMARK(DecodeOk);

}  // namespace
}  // namespace mcrelay::bench
