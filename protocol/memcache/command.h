// Command is one parsed line of the memcached text protocol, with its data block where it has one.
//
// Produced by Parse() (parser.h). Every string_view points into the bytes that were parsed, or, for
// a base64 key, into `decoded_key`; both must outlive the Command's use. A Command is cheap to
// reuse: the session keeps one and parses into it again and again.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mcrelay::memcache {

inline constexpr size_t kMaxKeyBytes = 250;  // memcached's KEY_MAX_LENGTH

enum class Verb : uint8_t {
  // retrieval: `keys` holds the list (one or more, validated), see NextKey()
  kGet,
  kGets,
  kGat,
  kGats,
  // storage: `value` holds the data block without its CRLF
  kSet,
  kAdd,
  kReplace,
  kAppend,
  kPrepend,
  kCas,
  // one key, no data
  kIncr,
  kDecr,
  kDelete,
  kTouch,
  // meta
  kMetaGet,
  kMetaSet,
  kMetaDelete,
  kMetaArithmetic,
  kMetaDebug,
  kMetaNoop,
  // whole server; `args` holds the words after the verb, unparsed, a final noreply included.
  // flush_all has its delay in `exptime`, verbosity was checked; the rest is the session's to judge
  kFlushAll,
  kVersion,
  kVerbosity,
  kStats,
  kQuit,
  kShutdown,
  kSlabs,
  kLru,
  kLruCrawler,
  kCacheMemlimit,
  kWatch,
  // mcrelay's own: `args` holds the glob
  kKeys,
  kDeletePattern,
};

// Meta flags, in the letters of memcached's protocol.txt.
struct MetaFlags {
  // One bit per ASCII letter flag that was given: Has('v').
  uint64_t present = 0;
  // The flag letters in request order, for the answer.
  std::array<char, 24> order{};
  uint8_t count = 0;

  int64_t ttl = 0;            // T
  int64_t vivify_ttl = 0;     // N
  int64_t recache_ttl = 0;    // R
  uint64_t compare_cas = 0;   // C
  uint64_t explicit_cas = 0;  // E
  uint32_t client_flags = 0;  // F
  uint64_t delta = 1;         // D
  uint64_t initial = 0;       // J
  char mode = 0;              // M: 'S' 'E' 'A' 'P' 'R' for ms, '+' or '-' for ma; 0 when not given
  std::string_view opaque;    // O, without the letter
  // ma only: the opaque has more than 31 bytes. memcached sees that after it has counted, so the
  // command is to be carried out; what is then answered is kOpaqueTooLong in place of HD, VA, NF,
  // EX.
  bool opaque_too_long = false;

  [[nodiscard]] static constexpr uint64_t Bit(char letter) {
    return uint64_t{1} << (static_cast<unsigned char>(letter) & 63);
  }
  [[nodiscard]] bool Has(char letter) const { return (present & Bit(letter)) != 0; }
};

struct Command {
  Verb verb = Verb::kGet;
  bool noreply = false;  // classic noreply; meta's q is a flag
  std::string_view key;  // one-key commands; decoded when sent as base64
  // Meta: the key as sent, base64 text with flag b. An echo (flag k) is not this text but `key`,
  // with b encoded again: memcached answers `YW==` with kYQ==.
  std::string_view sent_key;
  std::string_view keys;  // retrieval: the rest of the line from the first key on
  std::string_view args;  // whole-server commands: the rest of the line, may be empty
  uint32_t client_flags = 0;
  // Classic exptime as memcached takes it: already wrapped to 32 bits where memcached wraps it.
  int64_t exptime = 0;
  uint64_t cas_unique = 0;
  uint64_t delta = 0;
  std::string_view value;
  MetaFlags meta;
  std::array<char, 256> decoded_key;  // where a base64 key is decoded to
};

// Takes the next key off `keys` (Command::keys). False when none is left.
[[nodiscard]] bool NextKey(std::string_view* keys, std::string_view* key);

}  // namespace mcrelay::memcache
