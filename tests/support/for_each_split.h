// ForEachSplit: the same bytes cut at every size, from all at once down to one byte at a time.
//
// For everything that reads a stream: what is read must not depend on how the bytes arrived.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace mcrelay::testing {

using Pieces = std::vector<std::string_view>;

// `bytes` in pieces of `piece_bytes`, the last one shorter. REQUIRES: piece_bytes > 0.
inline Pieces CutInto(std::string_view bytes, size_t piece_bytes) {
  Pieces pieces;
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    pieces.push_back(bytes.substr(at, piece_bytes));
  }
  return pieces;
}

// Calls check(pieces) for every size of piece, the whole first, single bytes last.
template <typename Check>
void ForEachSplit(std::string_view bytes, Check check) {
  for (size_t piece_bytes = std::max<size_t>(bytes.size(), 1); piece_bytes > 0; --piece_bytes) {
    check(CutInto(bytes, piece_bytes));
  }
}

}  // namespace mcrelay::testing
