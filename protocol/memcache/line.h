// Line and WordReader: what the parts of the parser work on. Internal to protocol/memcache.
//
// A Line is one complete line at the head of the input; a WordReader walks its words. Only the
// space separates words, in any number. Both borrow the input and allocate nothing.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "protocol/memcache/parser.h"

namespace mcrelay::memcache {

// memcached looks at no more words of a line than this (the keys of get and gat apart): `noreply`
// counts as the last word only up to here.
inline constexpr size_t kMostWords = 23;

struct Line {
  std::string_view input;  // all bytes there are, the line first
  size_t bytes = 0;        // of the line, its newline included
  std::string_view rest;   // the line after the verb, without its end
  const ParserLimits& limits;
};

// The first space in [at, end), or end. Words are short, so that eight bytes at a time cost less
// than a call of memchr.
inline const char* FindSpace(const char* at, const char* end) {
  if constexpr (std::endian::native == std::endian::little) {
    constexpr uint64_t kOnes = 0x0101010101010101;
    for (; end - at >= 8; at += 8) {
      uint64_t eight = 0;
      std::memcpy(&eight, at, sizeof(eight));
      const uint64_t differing = eight ^ (kOnes * ' ');
      // The high bit of each byte that is zero; above the lowest such byte it may be wrong.
      const uint64_t spaces = (differing - kOnes) & ~differing & (kOnes << 7);
      if (spaces != 0) return at + std::countr_zero(spaces) / 8;
    }
  }
  while (at != end && *at != ' ') ++at;
  return at;
}

class WordReader {
 public:
  // `words` is the number of words before `text`, which count towards kMostWords.
  WordReader(std::string_view text, size_t words)
      : at_(text.data()), end_(text.data() + text.size()), words_(words) {}

  // False at the end of the line.
  [[nodiscard]] bool Next(std::string_view* word) {
    while (at_ != end_ && *at_ == ' ') ++at_;
    if (at_ == end_) return false;
    const char* const begin = at_;
    at_ = FindSpace(at_, end_);
    *word = {begin, static_cast<size_t>(at_ - begin)};
    ++words_;
    return true;
  }

  // What was not read yet, without the spaces before it.
  [[nodiscard]] std::string_view Rest() {
    while (at_ != end_ && *at_ == ' ') ++at_;
    return {at_, static_cast<size_t>(end_ - at_)};
  }

  // Reads to the end. `last` is the word read last; becomes the last one that memcached looks at.
  void SkipToLast(std::string_view* last) {
    while (words_ < kMostWords && Next(last)) {
    }
  }

  [[nodiscard]] size_t words() const { return words_; }

 private:
  const char* at_;
  const char* end_;
  size_t words_;
};

inline bool IsNoreply(std::string_view word) { return word == "noreply"; }

[[nodiscard]] inline ParseResult Done(const Line& line) {
  return {.status = ParseStatus::kCommand, .consumed = line.bytes};
}

// Refuses the line. With `silent` (classic noreply) nothing is answered.
[[nodiscard]] inline ParseResult Refuse(const Line& line, std::string_view error,
                                        bool silent = false) {
  return {.status = ParseStatus::kError,
          .consumed = line.bytes,
          .error = silent ? std::string_view{} : error};
}

}  // namespace mcrelay::memcache
