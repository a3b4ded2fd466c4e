// Facts is what a Redis server says of itself, for `stats`: asked for when somebody wants to know,
// at most once a second for the whole process. A node that does not answer leaves the last values.
//
// Owned by its Node. Threading: any, relaxed.
#pragma once

#include <atomic>
#include <cstdint>

namespace mcrelay::backend {

struct Facts {
  std::atomic<uint64_t> keys{0};
  std::atomic<uint64_t> memory_bytes{0};
  std::atomic<uint64_t> limit_bytes{0};
  std::atomic<uint64_t> evicted{0};
  std::atomic<uint64_t> expired{0};

  // True for the one who should ask now.
  [[nodiscard]] bool TakeTurn(uint64_t now_ms) {
    constexpr uint64_t kFreshMs = 1000;
    uint64_t asked = asked_ms_.load(std::memory_order_relaxed);
    if (asked != 0 && now_ms < asked + kFreshMs) return false;
    return asked_ms_.compare_exchange_strong(asked, now_ms, std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> asked_ms_{0};  // monotonic, 0: never
};

}  // namespace mcrelay::backend
