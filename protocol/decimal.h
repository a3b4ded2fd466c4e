// WriteDecimal() writes a number in decimal: lengths and flags, most of which have so few digits
// that std::to_chars would cost more than they do.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>

namespace mcrelay {

inline constexpr size_t kMostDecimalDigits = 20;

// Returns the end of what it wrote to `to`. REQUIRES: room for kMostDecimalDigits.
inline char* WriteDecimal(uint64_t number, char* to) {
  const auto digit = [](uint64_t value) { return static_cast<char>('0' + value); };
  if (number >= 10'000) return std::to_chars(to, to + kMostDecimalDigits, number).ptr;
  const auto small = static_cast<uint32_t>(number);
  if (small >= 1000) *to++ = digit(small / 1000);
  if (small >= 100) *to++ = digit(small / 100 % 10);
  if (small >= 10) *to++ = digit(small / 10 % 10);
  *to++ = digit(small % 10);
  return to;
}

}  // namespace mcrelay
