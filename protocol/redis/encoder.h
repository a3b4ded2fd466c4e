// Encoder writes Redis requests as RESP arrays of bulk strings, straight into a Buffer.
//
// Length-prefixed bulk strings only: no byte of a client can end an argument early or become a
// command of its own.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "protocol/buffer.h"

namespace mcrelay::redis {

class Encoder {
 public:
  // Borrows `out` for its own lifetime.
  explicit Encoder(Buffer* out) : out_(*out) {}

  // Starts a request of `argc` arguments, the command's name included; exactly that many Arg()s
  // follow.
  Encoder& Begin(size_t argc);
  Encoder& Arg(std::string_view bytes);
  // One argument out of several pieces (prefix and key, header and value), without joining them
  // first.
  Encoder& Arg(std::initializer_list<std::string_view> pieces);
  Encoder& Arg(int64_t number);

  // A whole request of plain words.
  Encoder& Request(std::initializer_list<std::string_view> words);

 private:
  Buffer& out_;
};

// The bytes of the first of the requests that an Encoder wrote. REQUIRES: there is one.
[[nodiscard]] std::string_view FirstRequest(std::string_view requests);

}  // namespace mcrelay::redis
