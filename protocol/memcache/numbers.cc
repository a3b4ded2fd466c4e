#include "protocol/memcache/numbers.h"

#include <limits>

namespace mcrelay::memcache {
namespace {

// The longest words that memcached's strict reader looks at, leading zeros included.
constexpr size_t kMost32BitCharacters = 11;
constexpr size_t kMost64BitCharacters = 22;

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// C's isspace() in the "C" locale, and the NUL that ends a C string: what may follow a number that
// strtol read. (A space ends the word before, a newline the line.)
constexpr bool EndsCNumber(char c) { return c == '\0' || (c >= '\t' && c <= '\r'); }

// The numbers one sees: 1 to 9 digits, which cannot overflow. False for all others, good or bad.
bool ParseShort(std::string_view word, uint64_t* out) {
  constexpr size_t kSafeDigits = 9;
  if (word.empty() || word.size() > kSafeDigits) return false;
  uint32_t number = 0;
  for (const char c : word) {
    const auto digit = static_cast<uint32_t>(c - '0');
    if (digit > 9) return false;
    number = number * 10 + digit;
  }
  *out = number;
  return true;
}

// Digits only, at most `most_characters` of them, at most `limit`.
bool ParseDigits(std::string_view word, size_t most_characters, uint64_t limit, uint64_t* out) {
  if (ParseShort(word, out)) return true;  // every limit here has more digits
  if (word.empty() || word.size() > most_characters) return false;
  uint64_t number = 0;
  for (const char c : word) {
    if (!IsDigit(c)) return false;
    const uint64_t digit = static_cast<uint64_t>(c - '0');
    if (number > (limit - digit) / 10) return false;
    number = number * 10 + digit;
  }
  *out = number;
  return true;
}

// What strtoul() and strtol() have in common: leading white space, a sign, digits, and then the end
// of the word or white space. False when there is no digit or the magnitude is 2^64 or more.
bool ParseSigned(std::string_view word, bool* negative, uint64_t* magnitude) {
  size_t at = 0;
  while (at < word.size() && word[at] != '\0' && EndsCNumber(word[at])) ++at;
  *negative = at < word.size() && word[at] == '-';
  if (at < word.size() && (word[at] == '-' || word[at] == '+')) ++at;
  const size_t first_digit = at;
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  uint64_t number = 0;
  for (; at < word.size() && IsDigit(word[at]); ++at) {
    const uint64_t digit = static_cast<uint64_t>(word[at] - '0');
    if (number > (kMost - digit) / 10) return false;
    number = number * 10 + digit;
  }
  if (at == first_digit || (at < word.size() && !EndsCNumber(word[at]))) return false;
  *magnitude = number;
  return true;
}

}  // namespace

bool ParseBytes(std::string_view word, uint32_t* out) {
  constexpr uint64_t kMostBytes = 2147483645;
  uint64_t number = 0;
  if (!ParseDigits(word, kMost32BitCharacters, kMostBytes, &number)) return false;
  *out = static_cast<uint32_t>(number);
  return true;
}

bool ParseDelta(std::string_view word, uint64_t* out) {
  return ParseDigits(word, kMost64BitCharacters, std::numeric_limits<uint64_t>::max(), out);
}

bool ParseLevel(std::string_view word, uint32_t* out) {
  uint64_t number = 0;
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
  if (!ParseDigits(word, kMost32BitCharacters, kMost, &number)) return false;
  *out = static_cast<uint32_t>(number);
  return true;
}

bool ParseStrictTime(std::string_view word, int64_t* out) {
  const bool negative = !word.empty() && word.front() == '-';
  const size_t most = kMost32BitCharacters - (negative ? 1 : 0);
  const uint64_t limit = uint64_t{std::numeric_limits<int32_t>::max()} + (negative ? 1 : 0);
  uint64_t number = 0;
  if (!ParseDigits(word.substr(negative ? 1 : 0), most, limit, &number)) return false;
  *out = negative ? -static_cast<int64_t>(number) : static_cast<int64_t>(number);
  return true;
}

bool ParseWrappedTime(std::string_view word, int64_t* out) {
  bool negative = false;
  uint64_t magnitude = 0;
  if (ParseShort(word, &magnitude)) {
    *out = static_cast<int64_t>(magnitude);
    return true;
  }
  if (!ParseSigned(word, &negative, &magnitude)) return false;
  const uint64_t limit = uint64_t{std::numeric_limits<int64_t>::max()} + (negative ? 1 : 0);
  if (magnitude > limit) return false;
  const uint64_t wrapped = negative ? 0 - magnitude : magnitude;
  *out = static_cast<int32_t>(static_cast<uint32_t>(wrapped));
  return true;
}

bool ParseClientFlags(std::string_view word, uint32_t* out) {
  uint64_t number = 0;
  if (!ParseUnique(word, &number)) return false;
  *out = static_cast<uint32_t>(number);
  return true;
}

bool ParseUnique(std::string_view word, uint64_t* out) {
  if (ParseShort(word, out)) return true;
  bool negative = false;
  uint64_t magnitude = 0;
  if (!ParseSigned(word, &negative, &magnitude)) return false;
  // strtoull() negates what follows a `-`; memcached refuses the result when it is 2^63 or more.
  const uint64_t number = negative ? 0 - magnitude : magnitude;
  if (negative && static_cast<int64_t>(number) < 0) return false;
  *out = number;
  return true;
}

}  // namespace mcrelay::memcache
