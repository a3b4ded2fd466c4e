// The numbers of a command line, each with the bounds and oddities memcached has for it.
//
// memcached reads some words strictly (digits only) and others with C's strtol family; a client may
// rely on either, so both are here. Each function takes one whole word, never looks past it,
// returns false when memcached answers an error and then leaves *out alone.
#pragma once

#include <cstdint>
#include <string_view>

namespace mcrelay::memcache {

// <bytes> of a storage command or ms: digits only, at most 2147483645 (INT_MAX less the CRLF).
[[nodiscard]] bool ParseBytes(std::string_view word, uint32_t* out);

// Delta of incr and decr: digits only, below 2^64.
[[nodiscard]] bool ParseDelta(std::string_view word, uint64_t* out);

// Level of verbosity: digits only, below 2^32.
[[nodiscard]] bool ParseLevel(std::string_view word, uint32_t* out);

// Exptime of touch, gat, gats and flush_all: digits with an optional `-`, within 32 bits signed.
[[nodiscard]] bool ParseStrictTime(std::string_view word, int64_t* out);

// Exptime of the storage commands and T N R of the meta commands: as strtol, below 2^63 either way,
// then taken modulo 2^32 as a signed number: 2^32 is 0, 2^31 is negative.
[[nodiscard]] bool ParseWrappedTime(std::string_view word, int64_t* out);

// Client flags: as strtoul, below 2^64, taken modulo 2^32.
[[nodiscard]] bool ParseClientFlags(std::string_view word, uint32_t* out);

// Cas unique and the meta commands' C E D J: as strtoull, below 2^64.
[[nodiscard]] bool ParseUnique(std::string_view word, uint64_t* out);

}  // namespace mcrelay::memcache
