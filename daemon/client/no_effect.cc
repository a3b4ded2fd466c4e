#include "daemon/client/no_effect.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "protocol/memcache/answers.h"
#include "protocol/memcache/numbers.h"

namespace mcrelay::client {
namespace {

using memcache::Command;
using memcache::Verb;
using Words = std::span<const std::string_view>;

constexpr size_t kMostWords = 8;
constexpr uint32_t kMostClass = 63;
constexpr int64_t kLargestClass = 39;  // memcached's with its default item size
constexpr uint32_t kLeastMegabytes = 8;
constexpr uint32_t kMostMegabytes = 1'000'000'000;

constexpr std::string_view kTooSmall = "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n";

// memcached's safe_strtol and safe_strtod: the whole word, a sign allowed.
template <typename Number>
bool ParseWhole(std::string_view word, Number* number) {
  if (word.starts_with('+')) word.remove_prefix(1);
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, *number);
  return error == std::errc() && stop == end && !word.empty();
}

std::string_view Ok(Words) { return memcache::kOk; }

std::string_view Automove(Words words) {
  if (words[1] == "ratio") {
    double ratio = 0;
    const bool valid = words.size() > 2 && ParseWhole(words[2], &ratio);
    return valid ? memcache::kOk : memcache::kUnknownCommand;
  }
  uint32_t level = 0;
  if (!memcache::ParseLevel(words[1], &level)) return memcache::kBadFormat;
  return level <= 2 ? memcache::kOk : memcache::kUnknownCommand;
}

std::string_view Reassign(Words words) {
  int64_t from = 0;
  int64_t to = 0;
  if (!ParseWhole(words[1], &from) || !ParseWhole(words[2], &to)) return memcache::kBadFormat;
  if (from == to) return "SAME src and dst class are identical\r\n";
  if (from < 0 || from > kLargestClass || to < 0 || to > kLargestClass) {
    return "BADCLASS invalid src or dst class id\r\n";
  }
  return "NOSPARE source class has no spare pages\r\n";
}

std::string_view Mode(Words words) {
  const bool known = words[1] == "flat" || words[1] == "segmented";
  return known ? memcache::kOk : memcache::kUnknownCommand;
}

std::string_view Tune(Words words) {
  uint32_t hot = 0;
  uint32_t warm = 0;
  double hot_age = 0;
  double warm_age = 0;
  if (!memcache::ParseLevel(words[1], &hot) || !memcache::ParseLevel(words[2], &warm) ||
      !ParseWhole(words[3], &hot_age) || !ParseWhole(words[4], &warm_age)) {
    return memcache::kUnknownCommand;
  }
  if (uint64_t{hot} + warm > 80) return "ERROR hot and warm pcts must not exceed 80\r\n";
  if (hot_age <= 0 || warm_age <= 0) {
    return "ERROR hot/warm age factors must be greater than 0\r\n";
  }
  return memcache::kOk;
}

std::string_view TemporaryTtl(Words words) {
  int64_t ttl = 0;
  return ParseWhole(words[1], &ttl) ? memcache::kOk : memcache::kUnknownCommand;
}

std::string_view Crawl(Words words) {
  return IsClassList(words[1]) ? memcache::kOk : "BADCLASS invalid class id\r\n";
}

std::string_view Sleep(Words words) {
  constexpr uint32_t kMostMicroseconds = 1'000'000;
  uint32_t microseconds = 0;
  if (!memcache::ParseLevel(words[1], &microseconds)) return memcache::kBadFormat;
  if (microseconds > kMostMicroseconds) {
    return "CLIENT_ERROR sleep must be one second or less\r\n";
  }
  return memcache::kOk;
}

std::string_view ToCrawl(Words words) {
  uint32_t items = 0;
  return memcache::ParseLevel(words[1], &items) ? memcache::kOk : memcache::kBadFormat;
}

std::string_view MemoryLimit(Words words) {
  uint32_t megabytes = 0;
  if (!memcache::ParseLevel(words[0], &megabytes)) return memcache::kUnknownCommand;
  if (megabytes < kLeastMegabytes) return kTooSmall;
  if (megabytes > kMostMegabytes) {
    return "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n";
  }
  return memcache::kOk;
}

// Words are counted without the verb but, as memcached does, with a final noreply.
struct Form {
  Verb verb;
  std::string_view word;  // the first; empty: any
  uint8_t least;
  uint8_t most;
  bool quietable;
  std::string_view (*answer)(Words words);
};

constexpr uint8_t kAny = 255;
constexpr Form kForms[] = {
    {Verb::kSlabs, "automove", 2, kAny, true, Automove},
    {Verb::kSlabs, "reassign", 3, 3, false, Reassign},
    {Verb::kLru, "mode", 2, kAny, true, Mode},
    {Verb::kLru, "tune", 5, kAny, true, Tune},
    {Verb::kLru, "temp_ttl", 2, kAny, true, TemporaryTtl},
    {Verb::kLruCrawler, "enable", 1, 1, false, Ok},
    {Verb::kLruCrawler, "disable", 1, 1, false, Ok},
    {Verb::kLruCrawler, "crawl", 2, 2, false, Crawl},
    {Verb::kLruCrawler, "sleep", 2, 2, false, Sleep},
    {Verb::kLruCrawler, "tocrawl", 2, 2, false, ToCrawl},
    {Verb::kCacheMemlimit, "", 1, kAny, true, MemoryLimit},
};

}  // namespace

size_t SplitWords(std::string_view args, std::string_view* words, size_t most) {
  size_t count = 0;
  while (!args.empty()) {
    const size_t space = std::min(args.find(' '), args.size());
    if (space > 0 && count++ < most) words[count - 1] = args.substr(0, space);
    args.remove_prefix(std::min(space + 1, args.size()));
  }
  return count;
}

bool IsClassList(std::string_view word) {
  if (word == "all" || word == "hash") return true;
  while (true) {
    const size_t comma = std::min(word.find(','), word.size());
    uint32_t id = 0;
    if (!memcache::ParseLevel(word.substr(0, comma), &id) || id == 0 || id > kMostClass)
      return false;
    if (comma == word.size()) return true;
    word.remove_prefix(comma + 1);
  }
}

bool HasClassOne(std::string_view word) {
  if (word == "all" || word == "hash") return true;
  for (uint32_t id = 0; !word.empty();) {
    const size_t comma = std::min(word.find(','), word.size());
    if (memcache::ParseLevel(word.substr(0, comma), &id) && id == 1) return true;
    word.remove_prefix(std::min(comma + 1, word.size()));
  }
  return false;
}

std::string_view NoEffectAnswer(const Command& command) {
  std::string_view words[kMostWords];
  const size_t count = SplitWords(command.args, words, kMostWords);
  for (const Form& form : kForms) {
    if (form.verb != command.verb || count < form.least || count > form.most) continue;
    if (!form.word.empty() && words[0] != form.word) continue;
    const std::string_view answer = form.answer({words, std::min(count, kMostWords)});
    return form.quietable && command.noreply ? std::string_view() : answer;
  }
  // An unknown word: lru has looked for noreply by then, the others have not.
  return command.verb == Verb::kLru && command.noreply ? std::string_view()
                                                       : memcache::kUnknownCommand;
}

uint32_t WantedMegabytes(const Command& command) {
  std::string_view word;
  uint32_t megabytes = 0;
  if (SplitWords(command.args, &word, 1) == 0 || MemoryLimit({&word, 1}) != memcache::kOk) return 0;
  return memcache::ParseLevel(word, &megabytes) ? megabytes : 0;
}

}  // namespace mcrelay::client
