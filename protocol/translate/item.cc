#include "protocol/translate/item.h"

#include <openssl/sha.h>

namespace mcrelay::translate {
namespace {

constexpr char kVersionOneCodecNone = 1;
constexpr size_t kVersionOffset = 2;
constexpr size_t kStateOffset = 3;
constexpr size_t kFlagsOffset = 4;
constexpr size_t kCasOffset = 8;

uint64_t ReadBigEndian(const char* at, int bytes) {
  uint64_t number = 0;
  for (int i = 0; i < bytes; ++i) number = number << 8 | static_cast<unsigned char>(at[i]);
  return number;
}

}  // namespace

ItemStatus DecodeItem(std::string_view stored, Item* item) {
  if (stored.size() < kHeaderBytes || stored[0] != kMagic[0] || stored[1] != kMagic[1]) {
    *item = {.value = stored};
    return ItemStatus::kForeign;
  }
  if (stored[kVersionOffset] != kVersionOneCodecNone) return ItemStatus::kUnknown;
  item->value = stored.substr(kHeaderBytes);
  item->flags = static_cast<uint32_t>(ReadBigEndian(stored.data() + kFlagsOffset, 4));
  item->state = static_cast<uint8_t>(stored[kStateOffset]);
  item->cas = ReadBigEndian(stored.data() + kCasOffset, 8);
  item->tagged = true;
  return ItemStatus::kTagged;
}

uint64_t CasOf(const Item& item) { return item.tagged ? item.cas : BareCas(item.value); }

uint64_t BareCas(std::string_view value) {
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(value.data()), value.size(), digest);
  constexpr uint64_t kTopBit = uint64_t{1} << 63;
  return ReadBigEndian(reinterpret_cast<const char*>(digest), 8) & ~kTopBit;
}

uint64_t ReadCas(std::string_view bytes) { return ReadBigEndian(bytes.data(), 8); }

Header::Header(uint32_t flags, uint8_t state, uint64_t cas) {
  bytes_[0] = kMagic[0];
  bytes_[1] = kMagic[1];
  bytes_[kVersionOffset] = kVersionOneCodecNone;
  bytes_[kStateOffset] = static_cast<char>(state);
  for (int i = 3; i >= 0; --i, flags >>= 8) {
    bytes_[kFlagsOffset + i] = static_cast<char>(flags & 0xff);
  }
  for (int i = 7; i >= 0; --i, cas >>= 8) bytes_[kCasOffset + i] = static_cast<char>(cas & 0xff);
}

}  // namespace mcrelay::translate
