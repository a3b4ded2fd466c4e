// The value format: how one memcached item lies in one Redis string. Specified in
// docs/value-format.md.
//
//    0        2         3       4              8                16
//    | C1 8D  | version | state | client flags | CAS unique     | the item's bytes ...   tagged
//    | the item's bytes ...                                                              bare
//
// Pure functions over bytes; nothing is ever deserialized or evaluated.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mcrelay::translate {

inline constexpr size_t kHeaderBytes = 16;
inline constexpr std::string_view kMagic = "\xC1\x8D";  // never the start of valid UTF-8
inline constexpr char kVersion = 1;                     // version 1 and codec 0, none

// Bits of the header's state byte.
enum StateBit : uint8_t {
  kStale = 1,      // invalidated by md I: served, marked X
  kTokenSent = 2,  // one client was told to recache: the others see Z
  kFetched = 4,    // fetched by a meta get that asked for h
  kBase64Key = 8,  // stored with a base64 key: echoed in base64
};

struct Item {
  std::string_view value;
  uint32_t flags = 0;
  uint8_t state = 0;
  uint64_t cas = 0;  // of a tagged item; see CasOf()
  bool tagged = false;
};

enum class ItemStatus : uint8_t {
  kTagged,
  kForeign,  // without our header: all of it is the value, flags are zero
  kUnknown,  // a version or codec that this program does not know: a miss, never bare bytes
};

// Takes `stored` apart; `item->value` points into it.
[[nodiscard]] ItemStatus DecodeItem(std::string_view stored, Item* item);

// The item's CAS unique. That of a bare value costs a SHA-1 over the value.
[[nodiscard]] uint64_t CasOf(const Item& item);
// The first 8 bytes of the SHA-1 of `value`, big endian, with the top bit cleared.
[[nodiscard]] uint64_t BareCas(std::string_view value);

// Between a number and its bytes, big endian, whatever this machine's order is.
template <typename Number>
[[nodiscard]] Number FromBigEndian(Number number) {
  static_assert(sizeof(Number) == 4 || sizeof(Number) == 8);
  if constexpr (std::endian::native == std::endian::big) return number;
  if constexpr (sizeof(Number) == 4) return __builtin_bswap32(number);
  return static_cast<Number>(__builtin_bswap64(number));
}

// Eight bytes, big endian: a CAS unique as headers and scripts carry it.
class CasBytes {
 public:
  explicit CasBytes(uint64_t cas) {
    cas = FromBigEndian(cas);
    std::memcpy(bytes_.data(), &cas, bytes_.size());
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, 8> bytes_;
};

// The 16 bytes before a tagged item's value.
class Header {
 public:
  Header(uint32_t flags, uint8_t state, uint64_t cas)
      : bytes_{kMagic[0], kMagic[1], kVersion, static_cast<char>(state)} {
    flags = FromBigEndian(flags);
    cas = FromBigEndian(cas);
    std::memcpy(bytes_.data() + 4, &flags, sizeof flags);
    std::memcpy(bytes_.data() + 8, &cas, sizeof cas);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, kHeaderBytes> bytes_;
};

// Reads eight bytes, big endian. REQUIRES: bytes.size() >= 8.
[[nodiscard]] uint64_t ReadCas(std::string_view bytes);

}  // namespace mcrelay::translate
