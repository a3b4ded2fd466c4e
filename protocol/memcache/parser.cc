#include "protocol/memcache/parser.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "protocol/memcache/answers.h"
#include "protocol/memcache/classic.h"
#include "protocol/memcache/line.h"
#include "protocol/memcache/meta.h"

namespace mcrelay::memcache {
namespace {

constexpr char kBinaryMagic = '\x80';
constexpr size_t kLeastLineBytes = 4;  // a shorter line is malformed, whatever it says

// A name of up to eight bytes as one number; of a longer one, its first eight.
constexpr uint64_t Pack(std::string_view name) {
  uint64_t packed = 0;
  for (size_t i = 0; i < std::min<size_t>(name.size(), 8); ++i) {
    packed |= uint64_t{static_cast<unsigned char>(name[i])} << (8 * i);
  }
  return packed;
}

struct VerbEntry {
  constexpr VerbEntry(std::string_view verb_name, Verb verb_value,
                      ParseResult (*parse_line)(const Line&, Command*))
      : packed(Pack(verb_name)), parse(parse_line), name(verb_name), verb(verb_value) {}

  uint64_t packed;
  ParseResult (*parse)(const Line&, Command*);
  std::string_view name;
  Verb verb;
};

// Ordered by length, and among equals by how often they come.
constexpr VerbEntry kVerbs[] = {
    {"mg", Verb::kMetaGet, ParseMetaGet},
    {"ms", Verb::kMetaSet, ParseMetaSet},
    {"mn", Verb::kMetaNoop, ParseMetaNoop},
    {"md", Verb::kMetaDelete, ParseMetaDelete},
    {"ma", Verb::kMetaArithmetic, ParseMetaArithmetic},
    {"me", Verb::kMetaDebug, ParseMetaDebug},
    {"get", Verb::kGet, ParseGet},
    {"set", Verb::kSet, ParseStorage},
    {"add", Verb::kAdd, ParseStorage},
    {"cas", Verb::kCas, ParseStorage},
    {"gat", Verb::kGat, ParseGetAndTouch},
    {"lru", Verb::kLru, ParseQuietableWords},
    {"gets", Verb::kGets, ParseGet},
    {"incr", Verb::kIncr, ParseArithmetic},
    {"decr", Verb::kDecr, ParseArithmetic},
    {"gats", Verb::kGats, ParseGetAndTouch},
    {"quit", Verb::kQuit, ParseWords},
    {"keys", Verb::kKeys, ParseKeys},
    {"touch", Verb::kTouch, ParseTouch},
    {"stats", Verb::kStats, ParseWords},
    {"watch", Verb::kWatch, ParseWords},
    {"slabs", Verb::kSlabs, ParseQuietableWords},
    {"delete", Verb::kDelete, ParseDelete},
    {"append", Verb::kAppend, ParseStorage},
    {"replace", Verb::kReplace, ParseStorage},
    {"prepend", Verb::kPrepend, ParseStorage},
    {"version", Verb::kVersion, ParseWords},
    {"shutdown", Verb::kShutdown, ParseQuietableWords},
    {"flush_all", Verb::kFlushAll, ParseFlushAll},
    {"verbosity", Verb::kVerbosity, ParseVerbosity},
    {"lru_crawler", Verb::kLruCrawler, ParseQuietableWords},
    {"cache_memlimit", Verb::kCacheMemlimit, ParseQuietableWords},
    {"delete_pattern", Verb::kDeletePattern, ParseDeletePattern},
};
constexpr size_t kLongestVerb = 14;

// kFirstOfLength[n] is the first entry of kVerbs whose name has n or more bytes.
constexpr auto kFirstOfLength = [] {
  std::array<uint8_t, kLongestVerb + 2> first{};
  for (size_t length = 0; length < first.size(); ++length) {
    while (first[length] < std::size(kVerbs) && kVerbs[first[length]].name.size() < length) {
      ++first[length];
    }
  }
  return first;
}();

const VerbEntry* FindVerb(std::string_view verb) {
  if (verb.empty() || verb.size() > kLongestVerb) return nullptr;
  const uint64_t packed = Pack(verb);
  const VerbEntry* const end = kVerbs + kFirstOfLength[verb.size() + 1];
  for (const VerbEntry* entry = kVerbs + kFirstOfLength[verb.size()]; entry != end; ++entry) {
    if (entry->packed == packed && (verb.size() <= 8 || entry->name == verb)) return entry;
  }
  return nullptr;
}

// The longest line, its newline not counted, among those that begin as `input`. REQUIRES: `input`
// is longer than the beginnings that are compared.
size_t MostLineBytes(std::string_view input, const ParserLimits& limits) {
  const bool is_get = input.starts_with("get ") || input.starts_with("gets ");
  return is_get ? limits.get_line_bytes : limits.line_bytes;
}

ParseResult Close() { return {.status = ParseStatus::kClose}; }

// A verb that memcached does not have. A web browser, or a request that was slipped through one, is
// cut off before its body can be read as commands: its last word is the HTTP version.
ParseResult ParseUnknown(const Line& line, std::string_view text) {
  WordReader words(text, 0);
  std::string_view last;
  words.SkipToLast(&last);
  if (last.starts_with("HTTP/")) return Close();
  return Refuse(line, kUnknownCommand);
}

// `line_bytes` is the position of the newline.
ParseResult ParseLine(std::string_view input, const ParserLimits& limits, size_t line_bytes,
                      Command* command) {
  std::string_view text = input.substr(0, line_bytes);
  if (text.ends_with('\r')) text.remove_suffix(1);
  const char* const verb_end = FindSpace(text.data(), text.data() + text.size());
  const std::string_view verb = text.substr(0, static_cast<size_t>(verb_end - text.data()));
  const Line line{
      .input = input, .bytes = line_bytes + 1, .rest = text.substr(verb.size()), .limits = limits};
  if (line.bytes < kLeastLineBytes) return Refuse(line, kBadFormat);
  const VerbEntry* const entry = FindVerb(verb);
  if (entry == nullptr) return ParseUnknown(line, text);
  command->verb = entry->verb;
  return entry->parse(line, command);
}

}  // namespace

ParseResult Parse(std::string_view input, const ParserLimits& limits, bool first, size_t scanned,
                  Command* command) {
  if (first && !input.empty() && input[0] == kBinaryMagic) return {.status = ParseStatus::kBinary};
  const size_t newline = input.find('\n', scanned);
  const size_t line_bytes = std::min(newline, input.size());
  // A line is as long as it is, in however many pieces it comes: memcached looks at the length only
  // where the newline is not there yet, so that its answer hangs on the network's packets.
  if (line_bytes > limits.line_bytes && line_bytes > MostLineBytes(input, limits)) return Close();
  if (newline == std::string_view::npos) {
    return {.status = ParseStatus::kNeedMore, .need = input.size() + 1, .scanned = input.size()};
  }
  return ParseLine(input, limits, newline, command);
}

}  // namespace mcrelay::memcache
