// Feeds one client stream to the memcached parser in two splits: what it says must be the same, and
// every promise of parser.h must be kept.
//
// The first two bytes of the input choose the pieces of the second split and the limits.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/protocol/memcache/describe.h"
#include "tests/protocol/memcache/parser_driver.h"

namespace {

using mcrelay::memcache::Describe;
using mcrelay::memcache::ParserDriver;
using mcrelay::memcache::ParserLimits;

constexpr size_t kHeadBytes = 2;

void Require(bool good, const char* what, const ParserDriver& driver) {
  if (good) return;
  std::fprintf(stderr, "%s: %s\n%s", what, driver.violation().c_str(), driver.Transcript().c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kHeadBytes) return 0;
  const size_t piece_bytes = 1 + data[0] % 64;
  ParserLimits limits;
  if ((data[1] & 1) != 0) limits.item_bytes = 59 + 16;
  if ((data[1] & 2) != 0) limits.line_bytes = 64;
  if ((data[1] & 4) != 0) limits.get_line_bytes = 128;
  const std::string_view stream(reinterpret_cast<const char*>(data) + kHeadBytes,
                                size - kHeadBytes);

  ParserDriver whole(limits, Describe);
  whole.Feed(stream);
  ParserDriver pieces(limits, Describe);
  for (size_t at = 0; at < stream.size(); at += piece_bytes) {
    pieces.Feed(stream.substr(at, piece_bytes));
  }
  Require(whole.violation().empty(), "broken promise in one piece", whole);
  Require(pieces.violation().empty(), "broken promise in pieces", pieces);
  Require(whole.Transcript() == pieces.Transcript(), "one piece said", whole);
  return 0;
}
