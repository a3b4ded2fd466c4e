// What mg and me answer from, and how ma and mg print numbers.
#pragma once

#include <cstdint>

#include "protocol/translate/item.h"
#include "protocol/translate/translation.h"

namespace mcrelay::translate {

struct Translation::MetaHit {
  Item item;            // as it was before this command
  int64_t ttl_ms = -1;  // PTTL before this command; -1 never
  int64_t idle_seconds = 0;
  bool won = false;       // this client is the one to recache
  bool vivified = false;  // the item is new and empty
};

// Appends ` <flag><number>`.
inline void AppendNumberFlag(char flag, int64_t number, Buffer* answer) {
  answer->Append(' ');
  answer->Append(flag);
  if (number < 0) answer->Append('-');
  answer->AppendNumber(static_cast<uint64_t>(number < 0 ? -number : number));
}

// Whole seconds left, rounded up as memcached's clock of whole seconds shows them; -1 never.
[[nodiscard]] inline int64_t SecondsLeft(int64_t ttl_ms) {
  return ttl_ms < 0 ? -1 : (ttl_ms + 999) / 1000;
}

}  // namespace mcrelay::translate
