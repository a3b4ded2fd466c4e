// The answer side of the memcached text protocol: what is more than a fixed line (answers.h).
//
// Pure; everything is appended to a Buffer in one piece, so an answer is never half written.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/buffer.h"
#include "protocol/memcache/answers.h"
#include "protocol/memcache/base64.h"

namespace mcrelay::memcache {

// Appends `VALUE <key> <flags> <bytes>[ <cas unique>]\r\n`. `cas` may be null (get, gat). The value
// itself and its \r\n follow from the caller.
void WriteValueHeader(std::string_view key, uint32_t client_flags, size_t value_bytes,
                      const uint64_t* cas, Buffer* out);

// Appends the whole of one found item: header, value, \r\n.
void WriteValue(std::string_view key, uint32_t client_flags, std::string_view value,
                const uint64_t* cas, Buffer* out);

// Appends `SERVER_ERROR <reason>\r\n`. Line ends and other control bytes in `reason` become spaces,
// so that a reason from elsewhere can never forge a line.
void WriteServerError(std::string_view reason, Buffer* out);

// True if `key` has a byte that would break a line of a key listing: 0x00 to 0x20, 0x7f or `%`.
[[nodiscard]] bool NeedsEscape(std::string_view key);

// Appends `key` for `keys`, metadump and cachedump: bytes 0x00 to 0x20, 0x7f and `%` as %XX.
void AppendEscapedKey(std::string_view key, Buffer* out);

}  // namespace mcrelay::memcache
