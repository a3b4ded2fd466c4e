// Parse() turns the head of a client's byte stream into one Command, or into the exact error line
// memcached 1.6.45 answers and the number of bytes memcached swallows with it.
//
// Pure and stateless: a line may come in any number of pieces, the caller keeps the unconsumed
// bytes and calls again with more of them. Nothing is allocated.
// Source of the rules: memcached's doc/protocol.txt and exchanges recorded from real servers,
// docs/commands.md and tests/data/golden.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/memcache/command.h"

namespace mcrelay::memcache {

struct ParserLimits {
  // memcached's -I. A value is too large when key + value + (4 if client flags != 0) is above
  // item_bytes - 59 (memcached's own item header); 1 MiB gives its 1048517.
  size_t item_bytes = 1024 * 1024;
  // Longest line, its newline not counted; `get ` and `gets ` lines have their own, larger bound.
  // memcached closes only if the newline is not there yet; here the cut between two packets changes
  // no answer, so a longer line closes in any case.
  size_t line_bytes = 2048;
  size_t get_line_bytes = 2 * 1024 * 1024;
};

enum class ParseStatus : uint8_t {
  kNeedMore,  // incomplete: call again once `need` bytes are there
  kCommand,   // *command is filled; `consumed` covers line and data block
  kError,     // answer `error` (empty: nothing, it was noreply), skip `consumed` + `swallow`;
              // command->verb is set where the line began with a known one
  kTooLarge,  // as kError; *command holds verb and key: set and every ms mode also remove the old
              // item
  kClose,     // close the connection without an answer
  kBinary,    // first byte 0x80: the binary protocol; only looked for where `first` is true
};

struct ParseResult {
  ParseStatus status = ParseStatus::kNeedMore;
  size_t consumed = 0;     // bytes of the input that this line (and block) took
  uint64_t swallow = 0;    // further bytes of the stream to drop, whether they came yet or not
  size_t need = 0;         // kNeedMore: input size below which another call is pointless
  size_t scanned = 0;      // kNeedMore: pass back as `scanned` next time (no newline before it)
  std::string_view error;  // a whole line with its \r\n, static storage
};

// Parses the first command of `input`. `scanned` is the value of the last kNeedMore for the same
// head of input, else 0. `first` says that nothing of this connection was parsed yet.
[[nodiscard]] ParseResult Parse(std::string_view input, const ParserLimits& limits, bool first,
                                size_t scanned, Command* command);

}  // namespace mcrelay::memcache
