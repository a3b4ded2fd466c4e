// Base64 as memcached's meta commands use it for keys (flag b).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "protocol/buffer.h"

namespace mcrelay::memcache {

// Decodes `text` into `out` and returns the number of bytes, 0 when memcached refuses it. As
// memcached does, skips characters outside the alphabet and stops behind the first padding.
// REQUIRES: `out` has room for text.size() / 4 * 3 bytes.
[[nodiscard]] size_t DecodeBase64(std::string_view text, char* out);

// Appends `bytes` in base64, with padding.
void AppendBase64(std::string_view bytes, Buffer* out);

}  // namespace mcrelay::memcache
