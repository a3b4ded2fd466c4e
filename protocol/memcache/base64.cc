#include "protocol/memcache/base64.h"

#include <cstdint>

namespace mcrelay::memcache {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kOutside = 0x80;

constexpr auto kValues = [] {
  std::array<uint8_t, 256> values{};
  values.fill(kOutside);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  values['='] = 0;
  return values;
}();

uint8_t ValueOf(char c) { return kValues[static_cast<unsigned char>(c)]; }

}  // namespace

size_t DecodeBase64(std::string_view text, char* out) {
  size_t characters = 0;
  for (const char c : text) characters += ValueOf(c) != kOutside ? 1 : 0;
  if (characters == 0 || characters % 4 != 0) return 0;

  size_t written = 0;
  uint32_t group = 0;
  int in_group = 0;
  size_t padding = 0;
  for (const char c : text) {
    if (ValueOf(c) == kOutside) continue;
    if (c == '=') ++padding;
    group = group << 6 | ValueOf(c);
    if (++in_group < 4) continue;
    if (padding > 2) return 0;
    for (size_t i = 0; i < 3 - padding; ++i) {
      out[written++] = static_cast<char>(group >> (16 - 8 * i) & 0xff);
    }
    if (padding > 0) break;
    group = 0;
    in_group = 0;
  }
  return written;
}

void AppendBase64(std::string_view bytes, Buffer* out) {
  char* const begin = out->Reserve((bytes.size() + 2) / 3 * 4);
  char* to = begin;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t left = bytes.size() - at;
    const auto byte = [&](size_t i) -> uint32_t {
      return i < left ? static_cast<unsigned char>(bytes[at + i]) : 0;
    };
    const uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    *to++ = kAlphabet[group >> 18];
    *to++ = kAlphabet[group >> 12 & 63];
    *to++ = left > 1 ? kAlphabet[group >> 6 & 63] : '=';
    *to++ = left > 2 ? kAlphabet[group & 63] : '=';
  }
  out->Extend(static_cast<size_t>(to - begin));
}

}  // namespace mcrelay::memcache
