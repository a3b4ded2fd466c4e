// Window says how much may be asked ahead for one client, from the sizes of what it read before:
// those are only a hint of what is to come, so as TCP does it starts small, and grows only where it
// was really used. What bounds the memory when the guess was wrong is Session::Postpones().
//
// Owned by its session. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mcrelay::client {

class Window {
 public:
  static constexpr uint32_t kLineBytes = 64;  // any answer that is not an item
  // What the answers in flight may probably come to; a few may always be in flight.
  static constexpr uint32_t kBytes = 1u << 20;

  explicit Window(uint32_t read_bytes) : read_bytes_(read_bytes) {}

  [[nodiscard]] bool full() const {
    if (reads_ < kSmallest) return false;
    return reads_ >= most_reads_ || expected_bytes_ >= kBytes;
  }
  // What the next read will probably answer: more than kLineBytes.
  [[nodiscard]] uint32_t read_bytes() const { return read_bytes_; }

  // A command begins, whose answer will probably come to `expected_bytes`; kLineBytes: no read.
  void Enter(uint32_t expected_bytes) {
    expected_bytes_ += expected_bytes;
    if (expected_bytes != kLineBytes) ++reads_;
  }
  // Its turn is over. `used`: more was waiting for it, so the window may grow, up to `most` reads.
  void Leave(uint32_t expected_bytes, bool used, uint64_t most) {
    expected_bytes_ -= expected_bytes;
    if (expected_bytes == kLineBytes) return;
    --reads_;
    if (used && most_reads_ < most) ++most_reads_;
  }
  // A read answered `bytes`. `everybody` is the average over all clients, a new one's first guess.
  void Learn(uint32_t bytes, uint32_t* everybody) {
    // Up at once, down slowly: one large value may announce more.
    read_bytes_ = std::max(Blend<8>(read_bytes_, bytes), std::min(bytes, kBytes));
    *everybody = Blend<64>(*everybody, bytes);
  }

 private:
  template <uint32_t kWeight>
  [[nodiscard]] static uint32_t Blend(uint32_t average, uint32_t bytes) {
    const uint64_t sum = uint64_t{average} * (kWeight - 1) + bytes;
    return std::max(static_cast<uint32_t>(sum / kWeight), kLineBytes + 1);
  }

  static constexpr uint16_t kSmallest = 2;

  uint32_t read_bytes_;          // moving average
  uint32_t expected_bytes_ = 0;  // of all that is in flight
  uint16_t reads_ = 0;           // in flight
  uint16_t most_reads_ = 4;
};

}  // namespace mcrelay::client
