// MD5 and SHA-256 of one byte string, without OpenSSL's per-call fetch and allocation.
//
// Pure functions, any thread. Used for placement only, never for anything secret.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mcrelay::placement {

using Md5Words = std::array<uint32_t, 4>;      // the digest's four little-endian words
using Sha256Digest = std::array<uint8_t, 32>;  // compares as the 256-bit big-endian number

[[nodiscard]] Md5Words Md5(std::string_view data);
[[nodiscard]] Sha256Digest Sha256(std::string_view data);

}  // namespace mcrelay::placement
