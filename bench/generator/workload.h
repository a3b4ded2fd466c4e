// Workload: which keys and values exist, and which request a connection sends next.
//
// Keys are numbered; a key's text, size and value follow from its number, so that every reply can
// be checked without remembering anything: a value begins with its key. Immutable after
// construction, shared by all connections; each draws from its own Random.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/generator/options.h"

namespace mcrelay::bench {

// SplitMix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // 0 .. bound - 1
  uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }
  // 0 .. 1, without 1
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

// One request. The keys of a get are drawn again from `seed` when the reply is checked.
struct Request {
  bool set = false;
  uint32_t keys = 1;   // of a get
  uint32_t first = 0;  // number of the key, when there is one
  uint64_t seed = 0;   // of the keys, when there are more
  int64_t due_ns = 0;  // when it was sent, or in an open loop should have been
};

class Workload {
 public:
  explicit Workload(const Options& options);

  [[nodiscard]] Request Draw(Random* random) const;
  // Calls use(number) for each key of `request` in order.
  template <typename Use>
  void ForEachKey(const Request& request, Use use) const {
    if (request.keys == 1) {
      use(request.first);
      return;
    }
    Random random(request.seed);
    for (uint32_t i = 0; i < request.keys; ++i) use(DrawKey(&random));
  }

  [[nodiscard]] uint32_t keys() const { return keys_; }
  [[nodiscard]] size_t key_bytes() const { return prefix_.size() + kDigits; }
  void AppendKey(uint32_t number, std::string* out) const;
  [[nodiscard]] uint32_t ValueBytes(uint32_t number) const;
  void AppendValue(uint32_t number, std::string* out) const;
  [[nodiscard]] bool IsKey(uint32_t number, std::string_view text) const;
  [[nodiscard]] bool IsValue(uint32_t number, std::string_view value) const;

 private:
  static constexpr size_t kDigits = 8;
  using KeyDigits = char[kDigits];

  static void Digits(uint32_t number, char* out);
  [[nodiscard]] uint32_t DrawKey(Random* random) const;
  // What follows the key in its value.
  [[nodiscard]] std::string_view Body(uint32_t number, size_t bytes) const;

  uint32_t keys_;
  std::string prefix_;
  uint32_t sets_, gets_;
  uint32_t multi_min_, multi_max_;
  uint32_t value_min_, value_max_;
  std::string pattern_;

  // Zipf after Gray et al., "Quickly generating billion-record synthetic databases".
  double zipf_, zeta_ = 0, alpha_ = 0, eta_ = 0;
};

}  // namespace mcrelay::bench
