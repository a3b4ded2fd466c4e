// Prefixes counts commands by what stands before the first delimiter (`:`) of their keys, for
// `stats detail`.
//
// One for the process. Threading: any. Switched off, which it is unless somebody asks, the data
// path pays one relaxed load; switched on, a lock per command. Bound: kMost prefixes; keys with
// others are not counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace mcrelay::stats {

class Prefixes {
 public:
  enum class Kind : uint8_t { kMiss, kHit, kSet, kDelete };

  [[nodiscard]] bool on() const { return on_.load(std::memory_order_relaxed); }
  void Switch(bool on) { on_.store(on, std::memory_order_relaxed); }
  // Before the workers run.
  void Delimit(char delimiter) { delimiter_ = delimiter; }
  void Count(std::string_view key, Kind kind);
  void Clear();
  // The whole answer of `stats detail dump`.
  [[nodiscard]] std::string Dump() const;

 private:
  static constexpr size_t kMost = 10'000;

  struct Counts {
    uint64_t gets = 0;
    uint64_t hits = 0;
    uint64_t sets = 0;
    uint64_t deletes = 0;
  };

  char delimiter_ = ':';
  std::atomic<bool> on_{false};
  mutable std::mutex mutex_;
  std::map<std::string, Counts, std::less<>> counts_;
};

}  // namespace mcrelay::stats
