#include "protocol/memcache/answers.h"
#include "protocol/memcache/classic.h"
#include "protocol/memcache/numbers.h"

namespace mcrelay::memcache {
namespace {

// Fills `args` and looks for a final noreply, which stays part of `args` as it is one of the words
// that memcached counts. Returns the number of words after the verb.
size_t TakeArgs(const Line& line, Command* command) {
  command->args = WordReader(line.rest, 1).Rest();
  while (!command->args.empty() && command->args.back() == ' ') command->args.remove_suffix(1);
  WordReader words(command->args, 1);
  std::string_view last;
  words.SkipToLast(&last);
  command->noreply = IsNoreply(last);
  return words.words() - 1;
}

}  // namespace

// flush_all [exptime] [noreply]
ParseResult ParseFlushAll(const Line& line, Command* command) {
  const size_t words = TakeArgs(line, command);
  command->exptime = 0;
  if (words == (command->noreply ? 1 : 0)) return Done(line);
  std::string_view exptime;
  if (!WordReader(command->args, 1).Next(&exptime) ||
      !ParseStrictTime(exptime, &command->exptime)) {
    return Refuse(line, kBadExptime, command->noreply);
  }
  return Done(line);
}

// verbosity <level> [noreply]
ParseResult ParseVerbosity(const Line& line, Command* command) {
  TakeArgs(line, command);
  std::string_view level_word;
  uint32_t level = 0;
  if (!WordReader(command->args, 1).Next(&level_word) || !ParseLevel(level_word, &level)) {
    return Refuse(line, kBadFormat, command->noreply);
  }
  return Done(line);
}

ParseResult ParseWords(const Line& line, Command* command) {
  TakeArgs(line, command);
  command->noreply = false;
  return Done(line);
}

ParseResult ParseQuietableWords(const Line& line, Command* command) {
  TakeArgs(line, command);
  return Done(line);
}

// keys <glob>
ParseResult ParseKeys(const Line& line, Command* command) {
  command->noreply = false;
  if (!WordReader(line.rest, 1).Next(&command->args)) return Refuse(line, kBadFormat);
  return Done(line);
}

// delete_pattern <glob> [noreply]
ParseResult ParseDeletePattern(const Line& line, Command* command) {
  const size_t words = TakeArgs(line, command);
  if (words == 0) return Refuse(line, kBadFormat);
  command->noreply = command->noreply && words > 1;
  if (!WordReader(command->args, 1).Next(&command->args)) return Refuse(line, kBadFormat);
  return Done(line);
}

}  // namespace mcrelay::memcache
