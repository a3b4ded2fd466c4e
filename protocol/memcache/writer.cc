#include "protocol/memcache/writer.h"

#include <cstring>

#include "protocol/decimal.h"

namespace mcrelay::memcache {
namespace {

constexpr std::string_view kValue = "VALUE ";
constexpr std::string_view kLineEnd = "\r\n";

char* Put(std::string_view text, char* to) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

size_t MostHeaderBytes(std::string_view key) {
  return kValue.size() + key.size() + 3 * (1 + kMostDecimalDigits) + kLineEnd.size();
}

char* PutHeader(std::string_view key, uint32_t client_flags, size_t value_bytes,
                const uint64_t* cas, char* to) {
  to = Put(key, Put(kValue, to));
  *to++ = ' ';
  to = WriteDecimal(client_flags, to);
  *to++ = ' ';
  to = WriteDecimal(value_bytes, to);
  if (cas != nullptr) {
    *to++ = ' ';
    to = WriteDecimal(*cas, to);
  }
  return Put(kLineEnd, to);
}

constexpr bool IsEscaped(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7f || byte == '%';
}

}  // namespace

void WriteValueHeader(std::string_view key, uint32_t client_flags, size_t value_bytes,
                      const uint64_t* cas, Buffer* out) {
  char* const begin = out->Reserve(MostHeaderBytes(key));
  char* const to = PutHeader(key, client_flags, value_bytes, cas, begin);
  out->Extend(static_cast<size_t>(to - begin));
}

void WriteValue(std::string_view key, uint32_t client_flags, std::string_view value,
                const uint64_t* cas, Buffer* out) {
  char* const begin = out->Reserve(MostHeaderBytes(key) + value.size() + kLineEnd.size());
  char* const to = PutHeader(key, client_flags, value.size(), cas, begin);
  out->Extend(static_cast<size_t>(Put(kLineEnd, Put(value, to)) - begin));
}

void WriteServerError(std::string_view reason, Buffer* out) {
  constexpr std::string_view kServerError = "SERVER_ERROR ";
  char* const begin = out->Reserve(kServerError.size() + reason.size() + kLineEnd.size());
  char* to = Put(kServerError, begin);
  for (const char c : reason) *to++ = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  to = Put(kLineEnd, to);
  out->Extend(static_cast<size_t>(to - begin));
}

bool NeedsEscape(std::string_view key) {
  for (const char c : key) {
    if (IsEscaped(c)) return true;
  }
  return false;
}

void AppendEscapedKey(std::string_view key, Buffer* out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  char* const begin = out->Reserve(3 * key.size());
  char* to = begin;
  for (const char c : key) {
    if (!IsEscaped(c)) {
      *to++ = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    *to++ = '%';
    *to++ = kHex[byte >> 4];
    *to++ = kHex[byte & 15];
  }
  out->Extend(static_cast<size_t>(to - begin));
}

}  // namespace mcrelay::memcache
