// Key hashes, under the names twemproxy and libmemcached give them and bit for bit as they compute
// them on x86-64: what looks like a slip in one of them is what decides where the keys are.
//
// Pure functions, any thread, no allocation, no failure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mcrelay::placement {

enum class Hash : uint8_t {
  kFnv1a64,     // 64-bit start and prime cut to 32 bits; bytes from 0x80 on are sign-extended
  kFnv1a32,     // sign-extended
  kFnv164,      // cut to 32 bits, sign-extended
  kFnv132,      // sign-extended
  kMd5,         // first four bytes of MD5, little endian: libmemcached's weighted ketama
  kCrc16,       // XMODEM's table with 32 bits kept; not Redis Cluster's slot (slot.h)
  kCrc32,       // bits 16 to 30 of CRC-32
  kCrc32a,      // CRC-32 as in zlib
  kMurmur,      // MurmurHash2, seed 0xdeadbeef * length
  kJenkins,     // lookup3 from 13
  kHsieh,       // SuperFastHash from 0
  kOneAtATime,  // sign-extended; libmemcached's "default"
};

struct HashEntry {
  Hash hash;
  std::string_view name;
  uint32_t (*function)(std::string_view key);
};

// In the order of the enum.
extern const std::array<HashEntry, 12> kHashes;

[[nodiscard]] uint32_t HashKey(Hash hash, std::string_view key);
// False, and *hash untouched, when no hash has that name.
[[nodiscard]] bool ParseHash(std::string_view name, Hash* hash);

}  // namespace mcrelay::placement
