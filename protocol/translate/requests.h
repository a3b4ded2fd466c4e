// Pieces of requests that several commands share.
#pragma once

#include <string_view>

#include "protocol/redis/encoder.h"
#include "protocol/translate/expiry.h"
#include "protocol/translate/item.h"
#include "protocol/translate/translation.h"

namespace mcrelay::translate {

// True when `value` must carry a header: always in the tagged form; in the plain form only where
// the bare bytes would lose something or be taken for a header.
[[nodiscard]] inline bool NeedsHeader(ValueFormat format, uint32_t flags, uint8_t state,
                                      std::string_view value) {
  return format == ValueFormat::kTagged || flags != 0 || state != 0 || value.starts_with(kMagic);
}

[[nodiscard]] inline std::string_view FormatName(ValueFormat format) {
  return format == ValueFormat::kTagged ? "tagged" : "plain";
}

// The longest value that fits `settings.item_bytes` under a key of `key_bytes`, with flags 0:
// memcached counts key, value, 4 for other flags, and 59 bytes of its own.
[[nodiscard]] inline size_t LongestValue(const Settings& settings, size_t key_bytes) {
  constexpr size_t kOverhead = 59;
  const size_t taken = kOverhead + key_bytes;
  return settings.item_bytes > taken ? settings.item_bytes - taken : 0;
}

// True for what UNLINK, EXISTS, EXPIRE, PERSIST and TOUCH may answer for one key.
[[nodiscard]] inline bool IsYesOrNo(const redis::Reply& reply) {
  return reply.is_integer() && (reply.integer == 0 || reply.integer == 1);
}

// True for what the script arithmetic may answer: 1 to 20 digits.
[[nodiscard]] inline bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 20 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// SET `key` to header and value, with `expiry` (not gone) and `condition` (NX, XX or empty).
void WriteSet(std::string_view key, std::string_view header, std::string_view value,
              const Expiry& expiry, std::string_view condition, Buffer* out);

// GETEX `key` with `expiry` (not kKeep). One that is gone shows its value a last time.
inline void WriteGetEx(std::string_view key, const Expiry& expiry, Buffer* out) {
  redis::Encoder request(out);
  request.Begin(expiry.kind == Expiry::Kind::kNever ? 3 : 4).Arg("GETEX").Arg(key);
  if (expiry.gone()) {
    request.Arg("EXAT").Arg("1");
  } else {
    request.Arg(expiry.word());
    if (expiry.timed()) request.Arg(expiry.seconds);
  }
}

}  // namespace mcrelay::translate
