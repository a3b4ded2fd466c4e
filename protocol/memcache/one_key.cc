#include "protocol/memcache/answers.h"
#include "protocol/memcache/classic.h"
#include "protocol/memcache/numbers.h"

namespace mcrelay::memcache {
namespace {

// <verb> <key> <number> [noreply]: key and number are there, or false.
bool TakeKeyAndNumber(const Line& line, Command* command, std::string_view* number) {
  WordReader words(line.rest, 1);
  if (!words.Next(&command->key) || !words.Next(number)) return false;
  std::string_view last = *number;
  words.SkipToLast(&last);
  command->noreply = IsNoreply(last);
  return true;
}

}  // namespace

ParseResult ParseArithmetic(const Line& line, Command* command) {
  std::string_view delta;
  if (!TakeKeyAndNumber(line, command, &delta)) return Refuse(line, kBadFormat);
  if (command->key.size() > kMaxKeyBytes) return Refuse(line, kBadFormat, command->noreply);
  if (!ParseDelta(delta, &command->delta)) return Refuse(line, kBadDelta, command->noreply);
  return Done(line);
}

ParseResult ParseTouch(const Line& line, Command* command) {
  std::string_view exptime;
  if (!TakeKeyAndNumber(line, command, &exptime)) return Refuse(line, kBadFormat);
  if (command->key.size() > kMaxKeyBytes) return Refuse(line, kBadFormat, command->noreply);
  if (!ParseStrictTime(exptime, &command->exptime)) {
    return Refuse(line, kBadExptime, command->noreply);
  }
  return Done(line);
}

// delete <key> [0] [noreply]. The 0 is an ancient delay that old clients still send. Other words
// are refused as 1.6.18 does (1.6.45 ignores them): libmemcached's conformance tool asks for it.
ParseResult ParseDelete(const Line& line, Command* command) {
  constexpr size_t kMostDeleteWords = 4;
  WordReader words(line.rest, 1);
  std::string_view last;
  if (!words.Next(&last)) return Refuse(line, kBadFormat);
  command->key = last;
  std::string_view delay;
  if (words.Next(&delay)) last = delay;
  words.SkipToLast(&last);
  if (words.words() > kMostDeleteWords) return Refuse(line, kUnknownCommand);

  command->noreply = IsNoreply(last);
  const bool only_noreply = words.words() == 3 && command->noreply;
  const bool zero = delay == "0" && (words.words() == 3 || command->noreply);
  if (words.words() > 2 && !only_noreply && !zero) {
    return Refuse(line, kDeleteUsage, command->noreply);
  }
  if (command->key.size() > kMaxKeyBytes) return Refuse(line, kBadFormat, command->noreply);
  return Done(line);
}

}  // namespace mcrelay::memcache
