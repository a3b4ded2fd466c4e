// The meta commands' lines: mg ms md ma me mn. Internal to protocol/memcache, as classic.h.
//
//   mg|md|ma|me <key> <flag>*        ms <key> <bytes> <flag>*        mn
//
// A flag is one word: a letter, for some with a value behind it. Flags of another meta command are
// accepted and do nothing.
#pragma once

#include "protocol/memcache/line.h"

namespace mcrelay::memcache {

[[nodiscard]] ParseResult ParseMetaGet(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseMetaSet(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseMetaDelete(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseMetaArithmetic(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseMetaDebug(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseMetaNoop(const Line& line, Command* command);

}  // namespace mcrelay::memcache
