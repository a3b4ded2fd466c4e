#include "protocol/placement/hash.h"

#include "protocol/placement/crc16.h"
#include "protocol/placement/digest.h"

namespace mcrelay::placement {
namespace {

constexpr uint32_t kFnv64Start = 0xcbf29ce484222325 & 0xffffffff;
constexpr uint32_t kFnv64Prime = 0x100000001b3 & 0xffffffff;
constexpr uint32_t kFnv32Start = 2166136261;
constexpr uint32_t kFnv32Prime = 16777619;

constexpr std::array<uint32_t, 256> kCrc32Table = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    table[byte] = crc;
  }
  return table;
}();

uint32_t Byte(char c) { return static_cast<uint8_t>(c); }

// What plain char gives on x86-64, whatever this machine's char is.
uint32_t SignedByte(char c) { return static_cast<uint32_t>(int32_t{static_cast<int8_t>(c)}); }

uint32_t Little16(const char* p) { return Byte(p[0]) | Byte(p[1]) << 8; }
uint32_t Little32(const char* p) { return Little16(p) | Little16(p + 2) << 16; }

// Up to `size` bytes as a little-endian number, zeros after the end.
uint32_t LittleTail(const char* p, size_t size) {
  uint32_t word = 0;
  for (size_t i = 0; i < size && i < 4; ++i) word |= Byte(p[i]) << (8 * i);
  return word;
}

uint32_t Fnv1(std::string_view key, uint32_t start, uint32_t prime) {
  uint32_t hash = start;
  for (const char c : key) hash = (hash * prime) ^ SignedByte(c);
  return hash;
}

uint32_t Fnv1a(std::string_view key, uint32_t start, uint32_t prime) {
  uint32_t hash = start;
  for (const char c : key) hash = (hash ^ SignedByte(c)) * prime;
  return hash;
}

uint32_t HashFnv1a64(std::string_view key) { return Fnv1a(key, kFnv64Start, kFnv64Prime); }
uint32_t HashFnv1a32(std::string_view key) { return Fnv1a(key, kFnv32Start, kFnv32Prime); }
uint32_t HashFnv164(std::string_view key) { return Fnv1(key, kFnv64Start, kFnv64Prime); }
uint32_t HashFnv132(std::string_view key) { return Fnv1(key, kFnv32Start, kFnv32Prime); }
uint32_t HashMd5(std::string_view key) { return Md5(key)[0]; }

uint32_t HashCrc16(std::string_view key) {
  uint32_t crc = 0;
  for (const char c : key) crc = (crc << 8) ^ kCrc16Table[((crc >> 8) ^ Byte(c)) & 0xff];
  return crc;
}

uint32_t HashCrc32a(std::string_view key) {
  uint32_t crc = 0xffffffff;
  for (const char c : key) crc = (crc >> 8) ^ kCrc32Table[(crc ^ Byte(c)) & 0xff];
  return ~crc;
}

uint32_t HashCrc32(std::string_view key) { return (HashCrc32a(key) >> 16) & 0x7fff; }

uint32_t HashMurmur(std::string_view key) {
  constexpr uint32_t kMix = 0x5bd1e995;
  const auto length = static_cast<uint32_t>(key.size());
  uint32_t hash = (0xdeadbeef * length) ^ length;
  const char* p = key.data();
  size_t left = key.size();
  for (; left >= 4; p += 4, left -= 4) {
    uint32_t word = Little32(p) * kMix;
    word = (word ^ (word >> 24)) * kMix;
    hash = (hash * kMix) ^ word;
  }
  if (left > 0) hash = (hash ^ LittleTail(p, left)) * kMix;
  hash = (hash ^ (hash >> 13)) * kMix;
  return hash ^ (hash >> 15);
}

uint32_t Rotate(uint32_t x, int bits) { return (x << bits) | (x >> (32 - bits)); }

uint32_t HashJenkins(std::string_view key) {
  uint32_t a = 0xdeadbeef + static_cast<uint32_t>(key.size()) + 13;
  uint32_t b = a;
  uint32_t c = a;
  if (key.empty()) return c;
  const char* p = key.data();
  size_t left = key.size();
  for (; left > 12; p += 12, left -= 12) {
    a += Little32(p);
    b += Little32(p + 4);
    c += Little32(p + 8);
    a = (a - c) ^ Rotate(c, 4), c += b;
    b = (b - a) ^ Rotate(a, 6), a += c;
    c = (c - b) ^ Rotate(b, 8), b += a;
    a = (a - c) ^ Rotate(c, 16), c += b;
    b = (b - a) ^ Rotate(a, 19), a += c;
    c = (c - b) ^ Rotate(b, 4), b += a;
  }
  a += LittleTail(p, left);
  if (left > 4) b += LittleTail(p + 4, left - 4);
  if (left > 8) c += LittleTail(p + 8, left - 8);
  c = (c ^ b) - Rotate(b, 14);
  a = (a ^ c) - Rotate(c, 11);
  b = (b ^ a) - Rotate(a, 25);
  c = (c ^ b) - Rotate(b, 16);
  a = (a ^ c) - Rotate(c, 4);
  b = (b ^ a) - Rotate(a, 14);
  return (c ^ b) - Rotate(b, 24);
}

uint32_t HashHsieh(std::string_view key) {
  if (key.empty()) return 0;
  uint32_t hash = 0;
  const char* p = key.data();
  size_t left = key.size();
  for (; left >= 4; p += 4, left -= 4) {
    hash += Little16(p);
    hash = (hash << 16) ^ ((Little16(p + 2) << 11) ^ hash);
    hash += hash >> 11;
  }
  switch (left) {
    case 3:
      hash += Little16(p);
      hash ^= hash << 16;
      hash ^= SignedByte(p[2]) << 18;
      hash += hash >> 11;
      break;
    case 2:
      hash += Little16(p);
      hash ^= hash << 11;
      hash += hash >> 17;
      break;
    case 1:
      hash += Byte(*p);
      hash ^= hash << 10;
      hash += hash >> 1;
      break;
    default:
      break;
  }
  hash ^= hash << 3;
  hash += hash >> 5;
  hash ^= hash << 4;
  hash += hash >> 17;
  hash ^= hash << 25;
  return hash + (hash >> 6);
}

uint32_t HashOneAtATime(std::string_view key) {
  uint32_t hash = 0;
  for (const char c : key) {
    hash += SignedByte(c);
    hash += hash << 10;
    hash ^= hash >> 6;
  }
  hash += hash << 3;
  hash ^= hash >> 11;
  return hash + (hash << 15);
}

}  // namespace

const std::array<HashEntry, 12> kHashes{{
    {Hash::kFnv1a64, "fnv1a_64", HashFnv1a64},
    {Hash::kFnv1a32, "fnv1a_32", HashFnv1a32},
    {Hash::kFnv164, "fnv1_64", HashFnv164},
    {Hash::kFnv132, "fnv1_32", HashFnv132},
    {Hash::kMd5, "md5", HashMd5},
    {Hash::kCrc16, "crc16", HashCrc16},
    {Hash::kCrc32, "crc32", HashCrc32},
    {Hash::kCrc32a, "crc32a", HashCrc32a},
    {Hash::kMurmur, "murmur", HashMurmur},
    {Hash::kJenkins, "jenkins", HashJenkins},
    {Hash::kHsieh, "hsieh", HashHsieh},
    {Hash::kOneAtATime, "one_at_a_time", HashOneAtATime},
}};

uint32_t HashKey(Hash hash, std::string_view key) {
  return kHashes[static_cast<size_t>(hash)].function(key);
}

bool ParseHash(std::string_view name, Hash* hash) {
  for (const HashEntry& entry : kHashes) {
    if (entry.name != name) continue;
    *hash = entry.hash;
    return true;
  }
  return false;
}

}  // namespace mcrelay::placement
