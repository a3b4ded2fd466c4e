// CasSource gives the CAS uniques of one worker: 1 to 2^63-1, strictly growing, never given twice.
//
//   | ticks of 62.5 ns since the epoch, 55 bits | salt, 8 bits |
//
// The tick makes them grow with time, across the workers of one process too, since no worker stores
// 16 million items a second; the salt (a random start per process plus the worker's index) keeps
// two writers apart that store in the same tick.
// Used on its worker's thread only.
#pragma once

#include <cstdint>

namespace mcrelay::translate {

class CasSource {
 public:
  // Returns the current time in ticks of 1/16 us since the epoch; must never run backwards.
  using Clock = uint64_t (*)();

  CasSource(Clock clock, uint8_t salt) : clock_(clock), salt_(salt) {}

  [[nodiscard]] uint64_t Next() {
    const uint64_t tick = clock_();
    last_tick_ = tick > last_tick_ ? tick : last_tick_ + 1;
    return (last_tick_ << 8 | salt_) & kMask;
  }

 private:
  static constexpr uint64_t kMask = (uint64_t{1} << 63) - 1;

  Clock clock_;
  uint64_t last_tick_ = 0;
  uint8_t salt_;
};

}  // namespace mcrelay::translate
