// Reply is a view of one RESP2 reply.
//
// Valid only during the call that hands it out: `text` points into the reader's memory.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace mcrelay::redis {

struct Reply {
  enum class Type : uint8_t { kNil, kString, kStatus, kInteger, kError, kArray };

  Type type = Type::kNil;
  std::string_view text;            // kString, kStatus, kError (whole line, with its code)
  int64_t integer = 0;              // kInteger
  std::span<const Reply> elements;  // kArray

  [[nodiscard]] bool is_nil() const { return type == Type::kNil; }
  [[nodiscard]] bool is_string() const { return type == Type::kString; }
  [[nodiscard]] bool is_status() const { return type == Type::kStatus; }
  [[nodiscard]] bool is_integer() const { return type == Type::kInteger; }
  [[nodiscard]] bool is_error() const { return type == Type::kError; }
  [[nodiscard]] bool is_array() const { return type == Type::kArray; }
};

}  // namespace mcrelay::redis
