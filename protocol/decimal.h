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
  if (number >= 10'000) return std::to_chars(to, to + kMostDecimalDigits, number).ptr;
  char* const end = to + (number < 10 ? 1 : number < 100 ? 2 : number < 1000 ? 3 : 4);
  for (char* at = end; at != to; number /= 10) *--at = static_cast<char>('0' + number % 10);
  return end;
}

}  // namespace mcrelay
