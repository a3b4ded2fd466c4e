// Codec: requests to bytes, and bytes to checked answers, for one protocol.
//
// Stateless apart from the borrowed workload; one per run. Parse() is given all bytes of a
// connection that were not consumed yet, so a reply that is not complete is looked at again later.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "bench/generator/workload.h"

namespace mcrelay::bench {

// What the replies held, summed up.
struct Answers {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t stored = 0;
  uint64_t errors = 0;  // the server said so
  std::string first_error;
};

enum class ParseStatus : uint8_t {
  kDone,
  kMore,   // the reply is not complete
  kWrong,  // not an answer to this request: the connection is out of step or the value another
           // key's
};

class Codec {
 public:
  virtual ~Codec() = default;
  virtual void Append(const Request& request, std::string* out) const = 0;
  // kDone: `*used` bytes were this request's reply.
  [[nodiscard]] virtual ParseStatus Parse(std::string_view in, const Request& request, size_t* used,
                                          Answers* answers) const = 0;
};

[[nodiscard]] std::unique_ptr<Codec> MakeMemcachedCodec(const Workload& workload);
[[nodiscard]] std::unique_ptr<Codec> MakeRedisCodec(const Workload& workload);

// The line at the start of `in` without its end; false when it is not complete.
[[nodiscard]] bool TakeLine(std::string_view in, std::string_view* line);
// Decimal digits and nothing else; -1 when it is not that ("-1" gives -1 too).
[[nodiscard]] int64_t ToNumber(std::string_view digits);

}  // namespace mcrelay::bench
