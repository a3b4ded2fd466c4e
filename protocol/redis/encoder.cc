#include "protocol/redis/encoder.h"

#include <charconv>
#include <cstring>

#include "protocol/decimal.h"

namespace mcrelay::redis {
namespace {

constexpr size_t kMostHeaderBytes = 1 + kMostDecimalDigits + 2;  // a mark, digits, CRLF

// Writes `mark`, `number`, CRLF at `at` and returns the end.
char* WriteHeader(char* at, char mark, size_t number) {
  *at++ = mark;
  at = WriteDecimal(number, at);
  *at++ = '\r';
  *at++ = '\n';
  return at;
}

}  // namespace

Encoder& Encoder::Begin(size_t argc) {
  char* const tail = out_.Reserve(kMostHeaderBytes);
  out_.Extend(WriteHeader(tail, '*', argc) - tail);
  return *this;
}

Encoder& Encoder::Arg(std::string_view bytes) {
  char* const tail = out_.Reserve(kMostHeaderBytes + bytes.size() + 2);
  char* at = WriteHeader(tail, '$', bytes.size());
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  at += bytes.size();
  *at++ = '\r';
  *at++ = '\n';
  out_.Extend(static_cast<size_t>(at - tail));
  return *this;
}

Encoder& Encoder::Arg(std::initializer_list<std::string_view> pieces) {
  size_t bytes = 0;
  for (const auto piece : pieces) bytes += piece.size();
  char* const tail = out_.Reserve(kMostHeaderBytes + bytes + 2);
  char* at = WriteHeader(tail, '$', bytes);
  for (const auto piece : pieces) {
    if (piece.empty()) continue;
    std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  *at++ = '\r';
  *at++ = '\n';
  out_.Extend(at - tail);
  return *this;
}

Encoder& Encoder::Arg(int64_t number) {
  char digits[24];
  char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  return Arg(std::string_view(digits, end - digits));
}

Encoder& Encoder::Request(std::initializer_list<std::string_view> words) {
  Begin(words.size());
  for (const auto word : words) Arg(word);
  return *this;
}

std::string_view FirstRequest(std::string_view requests) {
  size_t at = 0;
  const auto header = [&] {  // a mark, digits, CRLF
    size_t number = 0;
    const char* const end = requests.data() + requests.size();
    at = std::from_chars(requests.data() + at + 1, end, number).ptr - requests.data() + 2;
    return number;
  };
  for (size_t left = header(); left > 0; --left) {
    const size_t bytes = header();
    at += bytes + 2;
  }
  return requests.substr(0, at);
}

}  // namespace mcrelay::redis
