// What the answers of meta commands are made from.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/translate/item.h"
#include "protocol/translate/translation.h"

namespace mcrelay::translate {

// What was found for mg or me.
struct Translation::MetaHit {
  Item item;            // as it was before this command
  int64_t ttl_ms = -1;  // PTTL before this command; -1 never
  int64_t idle_seconds = 0;
  bool won = false;       // this client is the one to recache
  bool vivified = false;  // the item is new and empty
};

// What the flags of an answer tell of; each answer fills in what its flags can ask for.
struct Translation::MetaFacts {
  bool base64 = false;  // k is to be encoded
  uint64_t cas = 0;
  size_t value_bytes = 0;
  uint32_t client_flags = 0;
  bool fetched = false;
  int64_t seconds_left = -1;  // before T, and before N if N created the item
  int64_t idle_seconds = 0;
  bool created = false;  // by N
};

// The set of flags that an answer shows.
[[nodiscard]] constexpr uint64_t FlagSet(std::string_view letters) {
  uint64_t set = 0;
  for (const char letter : letters) set |= memcache::MetaFlags::Bit(letter);
  return set;
}

// `VA <bytes>` or `HD`.
inline void AppendMetaHead(bool with_value, size_t value_bytes, Buffer* answer) {
  if (!with_value) return answer->Append("HD");
  answer->Append("VA ");
  answer->AppendNumber(value_bytes);
}

// Whole seconds left, rounded up as memcached's clock of whole seconds shows them; -1 never.
[[nodiscard]] inline int64_t SecondsLeft(int64_t ttl_ms) {
  return ttl_ms < 0 ? -1 : (ttl_ms + 999) / 1000;
}

}  // namespace mcrelay::translate
