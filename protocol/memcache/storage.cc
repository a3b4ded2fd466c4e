#include "protocol/memcache/answers.h"
#include "protocol/memcache/block.h"
#include "protocol/memcache/classic.h"
#include "protocol/memcache/numbers.h"

namespace mcrelay::memcache {

// <verb> <key> <flags> <exptime> <bytes> [<cas unique>] [noreply]
ParseResult ParseStorage(const Line& line, Command* command) {
  WordReader words(line.rest, 1);
  std::string_view key, flags, exptime, bytes;
  uint32_t value_bytes = 0;
  if (!words.Next(&key) || !words.Next(&flags) || !words.Next(&exptime) || !words.Next(&bytes) ||
      !ParseBytes(bytes, &value_bytes)) {
    // Where the block ends is unknown: it is read as commands, and `noreply` was not looked for.
    return Refuse(line, kBadFormat);
  }
  std::string_view unique;
  const bool has_unique = command->verb == Verb::kCas && words.Next(&unique);
  std::string_view last = has_unique ? unique : bytes;
  words.SkipToLast(&last);

  command->key = key;
  command->noreply = IsNoreply(last);
  command->cas_unique = 0;
  if (key.size() > kMaxKeyBytes || !ParseClientFlags(flags, &command->client_flags) ||
      !ParseWrappedTime(exptime, &command->exptime) ||
      (command->verb == Verb::kCas && !ParseUnique(unique, &command->cas_unique))) {
    return RefuseWithBlock(line, value_bytes, kBadFormat, command->noreply);
  }
  return TakeBlock(line, value_bytes, command->client_flags, command->noreply, command);
}

}  // namespace mcrelay::memcache
