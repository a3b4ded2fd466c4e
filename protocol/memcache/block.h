// The data block behind a storage command or ms. Internal to protocol/memcache.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/memcache/line.h"

namespace mcrelay::memcache {

// Refuses the line and has its block of `value_bytes` and CRLF swallowed, whether it came or not.
[[nodiscard]] ParseResult RefuseWithBlock(const Line& line, uint32_t value_bytes,
                                          std::string_view error, bool silent);

// Takes the block: fills command->value, or asks for more input, or answers a block that does not
// end in CRLF or an item that is too large. REQUIRES: command->key and client_flags are set.
[[nodiscard]] ParseResult TakeBlock(const Line& line, uint32_t value_bytes, uint32_t client_flags,
                                    bool silent, Command* command);

}  // namespace mcrelay::memcache
