#include "protocol/memcache/meta.h"

#include <array>

#include "protocol/memcache/answers.h"
#include "protocol/memcache/base64.h"
#include "protocol/memcache/block.h"
#include "protocol/memcache/numbers.h"

namespace mcrelay::memcache {
namespace {

constexpr size_t kMostMetaWords = 20;    // verb and key included
constexpr size_t kMostOpaqueBytes = 31;  // the letter O not counted

// The flags' words, as many as memcached looks at.
class FlagWords {
 public:
  void Add(std::string_view word) {
    begin_[count_] = word.data();
    bytes_[count_++] = word.size();
  }
  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] std::string_view operator[](size_t i) const { return {begin_[i], bytes_[i]}; }

 private:
  // Not initialised: most lines have few flags.
  std::array<const char*, kMostWords> begin_;
  std::array<size_t, kMostWords> bytes_;
  size_t count_ = 0;
};

// memcached's reader refuses a line in which some flag begins with neither a letter nor a digit
// before it looks at anything else. What lies between the letters' two rows in ASCII passes.
constexpr bool MayBeginFlag(char c) { return (c >= 'A' && c <= 'z') || (c >= '0' && c <= '9'); }

bool TakeFlagWords(WordReader* words, FlagWords* flags) {
  std::string_view word;
  while (words->words() < kMostWords && words->Next(&word)) {
    if (!MayBeginFlag(word[0])) return false;
    flags->Add(word);
  }
  return true;
}

// b: the key was sent as base64.
std::string_view DecodeKey(Command* command) {
  const size_t bytes = DecodeBase64(command->sent_key, command->decoded_key.data());
  command->key = {command->decoded_key.data(), bytes};
  return bytes == 0 ? kBadKeyEncoding : std::string_view{};
}

std::string_view Unless(bool parsed, std::string_view error) {
  return parsed ? std::string_view{} : error;
}

// Reads one flag; returns the error for a bad value, empty when it is good. Sets *known to false
// for a letter that no meta command has.
std::string_view TakeFlag(std::string_view word, Command* command, bool* known) {
  MetaFlags& meta = command->meta;
  const std::string_view value = word.substr(1);
  switch (word[0]) {
    case 'b':
      return DecodeKey(command);
    case 'T':
      return Unless(ParseWrappedTime(value, &meta.ttl), kBadToken);
    case 'N':
      return Unless(ParseWrappedTime(value, &meta.vivify_ttl), kBadToken);
    case 'R':
      return Unless(ParseWrappedTime(value, &meta.recache_ttl), kBadToken);
    case 'C':
      return Unless(ParseUnique(value, &meta.compare_cas), kBadToken);
    case 'E':
      return Unless(ParseUnique(value, &meta.explicit_cas), kBadToken);
    case 'F':
      return Unless(ParseClientFlags(value, &meta.client_flags), kBadFormat);
    case 'D':
      return Unless(ParseUnique(value, &meta.delta), kBadMetaDelta);
    case 'J':
      return Unless(ParseUnique(value, &meta.initial), kBadInitial);
    case 'M':
      // Only the first letter counts; a bare M is a mode that does not exist.
      meta.mode = value.empty() ? ' ' : value[0];
      return {};
    case 'O':
      meta.opaque = value;
      return {};
    case 'I':
    case 'L':
    case 'P':
    case 'c':
    case 'f':
    case 'h':
    case 'k':
    case 'l':
    case 'q':
    case 's':
    case 't':
    case 'u':
    case 'v':
    case 'x':
      return {};
    default:
      *known = false;
      return kInvalidFlag;
  }
}

// Fills command->key and meta; returns the error, empty when all is well. As in memcached, a bad
// value does not end the reading and a later error takes its place; a repeated or unknown letter
// ends it. `words` counts all words of the line.
std::string_view TakeFlags(const FlagWords& flags, size_t words, Command* command) {
  if (command->sent_key.size() > kMaxKeyBytes) return kBadFormat;
  if (words > kMostMetaWords) return kTooManyFlags;
  std::string_view error;
  for (size_t i = 0; i < flags.count(); ++i) {
    const std::string_view word = flags[i];
    MetaFlags& meta = command->meta;
    const char letter = word[0];
    if (meta.Has(letter)) return kDuplicateFlag;
    bool known = true;
    const std::string_view flag_error = TakeFlag(word, command, &known);
    if (!known) return flag_error;
    meta.present |= MetaFlags::Bit(letter);
    meta.order[meta.count++] = letter;
    // A bad F leaves the text of an earlier error standing.
    if (!flag_error.empty() && (letter != 'F' || error.empty())) error = flag_error;
  }
  return error;
}

void StartMeta(std::string_view key, Command* command) {
  command->noreply = false;
  command->key = key;
  command->sent_key = key;
  command->client_flags = 0;
  command->meta = MetaFlags{};
}

bool IsOpaqueTooLong(const MetaFlags& meta) { return meta.opaque.size() > kMostOpaqueBytes; }

// <verb> <key> <flag>*: the part that mg, md and ma share. Empty *error: all is well so far.
bool TakeKeyAndFlags(const Line& line, Command* command, std::string_view* error) {
  WordReader words(line.rest, 1);
  std::string_view key;
  FlagWords flags;
  if (!words.Next(&key) || !TakeFlagWords(&words, &flags)) return false;
  StartMeta(key, command);
  *error = TakeFlags(flags, words.words(), command);
  return true;
}

bool IsSetMode(char mode) {
  return mode == 0 || mode == 'S' || mode == 'E' || mode == 'A' || mode == 'P' || mode == 'R';
}

// mg and md differ in nothing that is visible here.
ParseResult ParseKeyAndFlags(const Line& line, Command* command) {
  std::string_view error;
  if (!TakeKeyAndFlags(line, command, &error)) return Refuse(line, kBadFormat);
  if (error.empty() && IsOpaqueTooLong(command->meta)) error = kOpaqueTooLong;
  return error.empty() ? Done(line) : Refuse(line, error);
}

}  // namespace

ParseResult ParseMetaGet(const Line& line, Command* command) {
  return ParseKeyAndFlags(line, command);
}

ParseResult ParseMetaDelete(const Line& line, Command* command) {
  return ParseKeyAndFlags(line, command);
}

ParseResult ParseMetaArithmetic(const Line& line, Command* command) {
  std::string_view error;
  if (!TakeKeyAndFlags(line, command, &error)) return Refuse(line, kBadFormat);
  if (!error.empty()) return Refuse(line, kInvalidOrDuplicateFlag);
  MetaFlags& meta = command->meta;
  switch (meta.mode) {
    case 0:
      break;
    case 'I':
    case '+':
      meta.mode = '+';
      break;
    case 'D':
    case '-':
      meta.mode = '-';
      break;
    default:
      return Refuse(line, kBadArithmeticMode);
  }
  meta.opaque_too_long = IsOpaqueTooLong(meta);
  return Done(line);
}

ParseResult ParseMetaSet(const Line& line, Command* command) {
  WordReader words(line.rest, 1);
  std::string_view key, bytes;
  FlagWords flags;
  uint32_t value_bytes = 0;
  if (!words.Next(&key) || !words.Next(&bytes) || !TakeFlagWords(&words, &flags) ||
      !ParseBytes(bytes, &value_bytes)) {
    return Refuse(line, kBadFormat);
  }
  StartMeta(key, command);
  std::string_view error = TakeFlags(flags, words.words(), command);
  if (error.empty() && !IsSetMode(command->meta.mode)) error = kBadSetMode;
  if (!error.empty()) return RefuseWithBlock(line, value_bytes, error, false);
  const ParseResult taken =
      TakeBlock(line, value_bytes, command->meta.client_flags, false, command);
  if (taken.status != ParseStatus::kTooLarge && IsOpaqueTooLong(command->meta)) {
    return RefuseWithBlock(line, value_bytes, kOpaqueTooLong, false);
  }
  return taken;
}

// me <key> [b <anything>]: 1.6.45 takes the key for base64 only if a further word follows.
ParseResult ParseMetaDebug(const Line& line, Command* command) {
  WordReader words(line.rest, 1);
  std::string_view key;
  FlagWords flags;
  if (!words.Next(&key) || !TakeFlagWords(&words, &flags)) return Refuse(line, kBadFormat);
  StartMeta(key, command);
  if (key.size() > kMaxKeyBytes) return Refuse(line, kBadFormat);
  if (flags.count() >= 2 && flags[0] == "b") {
    if (!DecodeKey(command).empty()) return Refuse(line, kBadFormat);
    command->meta.present |= MetaFlags::Bit('b');
  }
  return Done(line);
}

ParseResult ParseMetaNoop(const Line& line, Command* command) {
  command->noreply = false;
  return Done(line);
}

}  // namespace mcrelay::memcache
