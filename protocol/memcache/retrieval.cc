#include "protocol/memcache/answers.h"
#include "protocol/memcache/classic.h"
#include "protocol/memcache/numbers.h"

namespace mcrelay::memcache {
namespace {

// True when no key of the list is longer than memcached allows. Looks only for one space in every
// stretch that such a key would fill.
bool KeysFit(std::string_view keys) {
  while (keys.size() > kMaxKeyBytes) {
    const size_t space = keys.rfind(' ', kMaxKeyBytes);
    if (space == std::string_view::npos) return false;
    keys.remove_prefix(space + 1);
  }
  return true;
}

// Checks every key before the first is looked up: memcached answers a line with an over-long key
// with the error alone, wherever that key stands. `keys` begins with one, unless it is empty.
ParseResult TakeKeys(const Line& line, std::string_view keys, Command* command) {
  command->keys = keys;
  command->noreply = false;  // as the last word of a get it is a key
  if (keys.empty() || !KeysFit(keys)) return Refuse(line, kBadFormat);
  return Done(line);
}

}  // namespace

bool NextKey(std::string_view* keys, std::string_view* key) {
  WordReader words(*keys, 0);
  if (!words.Next(key)) return false;
  keys->remove_prefix(static_cast<size_t>(key->data() + key->size() - keys->data()));
  return true;
}

ParseResult ParseGet(const Line& line, Command* command) {
  return TakeKeys(line, WordReader(line.rest, 1).Rest(), command);
}

ParseResult ParseGetAndTouch(const Line& line, Command* command) {
  WordReader words(line.rest, 1);
  std::string_view exptime;
  if (!words.Next(&exptime)) return Refuse(line, kBadFormat);
  const std::string_view keys = words.Rest();
  if (keys.empty()) return Refuse(line, kBadFormat);
  if (!ParseStrictTime(exptime, &command->exptime)) return Refuse(line, kBadExptime);
  return TakeKeys(line, keys, command);
}

}  // namespace mcrelay::memcache
