// Translation is one memcached command on one key, on its way through Redis and back.
//
//   Begin()  -> requests appended to `out` -> ... -> OnReply() for each of their replies
//                                                  -> Step{kDone}: the answer is in `answer`
//
// Owned by an exchange and reused for the next one (its strings keep their memory, so that a warmed
// up Translation allocates nothing). Pure: the time and CAS uniques come in as arguments.
// A multi-key retrieval is one Translation per key; the session writes the closing END.
// Failure: when the backend gives no answer, OnFailure() ends the command as docs/commands.md
// ("When a backend fails") says. Redis's error replies go through OnReply().
// Every form and why: docs/commands.md. Rules of the answers: memcached's doc/protocol.txt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/buffer.h"
#include "protocol/memcache/command.h"
#include "protocol/redis/reply.h"
#include "protocol/translate/cas_source.h"
#include "protocol/translate/scripts.h"

namespace mcrelay::translate {

enum class ValueFormat : uint8_t { kTagged, kPlain };
enum class OnError : uint8_t { kMiss, kError };

struct Settings {
  ValueFormat value_format = ValueFormat::kTagged;
  std::string key_prefix;
  size_t item_bytes = 1024 * 1024;  // memcached's -I
  OnError on_error_read = OnError::kMiss;
  OnError on_error_write = OnError::kMiss;
  OnError on_error_delete = OnError::kMiss;
};

// What a step may use of the outside world.
struct Environment {
  const Settings& settings;
  CasSource& cas;
  int64_t unix_ms;  // wall clock
};

// How a command ended, for the counters of `stats`.
enum class Outcome : uint8_t {
  kNone,
  kHit,        // retrieval found it; incr/decr/touch/delete done; cas stored
  kMiss,       // NOT_FOUND and the like
  kStored,     // set add replace append prepend
  kNotStored,
  kBadValue,   // cas: EXISTS
  kRefused,    // CLIENT_ERROR, e.g. incr of a non-numeric value
  kFailed,     // the backend failed or refused; for retrievals under `on_error: error`, `answer`
               // holds the SERVER_ERROR line that takes the place of END
};

struct Step {
  enum class Kind : uint8_t {
    kDone,  // the command is over
    kWait,  // `replies` replies of the requests just written are to come
    kRead,  // wants GET redis_key(), unwritten: the caller may merge it with others into one MGET
  };
  Kind kind = Kind::kDone;
  Outcome outcome = Outcome::kNone;  // kDone
  // kDone with kFailed: the old item must not be served any more (set replace cas delete ms md).
  bool removal_due = false;
  uint8_t replies = 0;               // kWait
  // kWait: nothing in Redis changes, the requests may be sent a second time.
  bool repeatable = false;
  // kWait: the requests are one EVALSHA of this script, for the retry after NOSCRIPT.
  const Script* script = nullptr;
};

// Why there is no reply.
enum class Failure : uint8_t {
  kUnavailable,  // node down, connection lost, deadline passed, queue full
  kMissing,      // a pending removal: the item counts as missing whatever on_error says
};

class Translation {
 public:
  // True when `command` on any key starts with Step::kRead, without writing anything: the caller
  // then leaves an open batch of reads open.
  [[nodiscard]] static bool StartsWithRead(const memcache::Command& command);

  // Starts `command` on `key` (for one-key commands command.key, for retrievals each key in turn).
  // Copies what later steps and the answer need: afterwards the command's views may die.
  [[nodiscard]] Step Begin(const memcache::Command& command, std::string_view key,
                           const Environment& environment, Buffer* out);
  // Takes the next reply. `out` takes the requests of a further step, `answer` the answer's bytes
  // (nothing for noreply or a quiet flag). REQUIRES: a reply is due.
  [[nodiscard]] Step OnReply(const redis::Reply& reply, const Environment& environment, Buffer* out,
                             Buffer* answer);
  // Ends the command without a reply; the result is always kDone.
  [[nodiscard]] Step OnFailure(Failure failure, const Environment& environment, Buffer* answer);
  // Back to the state after the last Step::kWait or kRead: its requests are sent once more.
  void Rewind();

  // Key prefix and key; valid until the next Begin().
  [[nodiscard]] std::string_view redis_key() const { return redis_key_; }
  [[nodiscard]] memcache::Verb verb() const { return verb_; }
  // The CAS unique this command writes; 0 when none was taken. For the rule on pending removals.
  [[nodiscard]] uint64_t cas() const { return cas_; }

 private:
  memcache::Verb verb_ = memcache::Verb::kGet;
  bool noreply_ = false;
  uint8_t phase_ = 0;
  uint64_t cas_ = 0;
  std::string redis_key_;
};

}  // namespace mcrelay::translate
