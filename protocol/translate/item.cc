#include "protocol/translate/item.h"

#include <openssl/sha.h>

namespace mcrelay::translate {
namespace {

template <typename Number>
Number ReadBigEndian(const void* at) {
  Number number;
  std::memcpy(&number, at, sizeof number);
  return FromBigEndian(number);
}

}  // namespace

ItemStatus DecodeItem(std::string_view stored, Item* item) {
  if (stored.size() < kHeaderBytes || stored[0] != kMagic[0] || stored[1] != kMagic[1]) {
    *item = {.value = stored};
    return ItemStatus::kForeign;
  }
  if (stored[2] != kVersion) return ItemStatus::kUnknown;
  item->value = stored.substr(kHeaderBytes);
  item->flags = ReadBigEndian<uint32_t>(stored.data() + 4);
  item->state = static_cast<uint8_t>(stored[3]);
  item->cas = ReadBigEndian<uint64_t>(stored.data() + 8);
  item->tagged = true;
  return ItemStatus::kTagged;
}

uint64_t CasOf(const Item& item) { return item.tagged ? item.cas : BareCas(item.value); }

uint64_t BareCas(std::string_view value) {
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(value.data()), value.size(), digest);
  constexpr uint64_t kTopBit = uint64_t{1} << 63;
  return ReadBigEndian<uint64_t>(digest) & ~kTopBit;
}

uint64_t ReadCas(std::string_view bytes) { return ReadBigEndian<uint64_t>(bytes.data()); }

}  // namespace mcrelay::translate
