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
#include "protocol/redis/encoder.h"
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
  kHit,     // retrieval found it; incr/decr/touch/delete done; cas stored
  kMiss,    // NOT_FOUND and the like
  kStored,  // set add replace append prepend
  kNotStored,
  kBadValue,  // cas: EXISTS
  kRefused,   // CLIENT_ERROR, e.g. incr of a non-numeric value
  kFailed,    // the backend failed or refused; for retrievals under `on_error: error`, `answer`
              // holds the SERVER_ERROR line that takes the place of END
};

struct Step {
  enum class Kind : uint8_t {
    kDone,  // the command is over
    kWait,  // `replies` replies are still to come, of the requests just written or written before
    kRead,  // wants GET redis_key(), unwritten: the caller may merge it with others into one MGET
  };
  Kind kind = Kind::kDone;
  Outcome outcome = Outcome::kNone;  // kDone
  // kDone with kFailed: the old item must not be served any more (set replace cas delete ms md).
  bool removal_due = false;
  // kDone with kFailed: no such reply answers this request, so requests and replies of the
  // connection may be out of step: it must not be used again.
  bool misfit = false;
  uint8_t replies = 0;  // kWait
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

struct Item;

class Translation {
 public:
  // True when `command` on any key starts with Step::kRead, without writing anything: the caller
  // then leaves an open batch of reads open.
  [[nodiscard]] static bool StartsWithRead(const memcache::Command& command);

  // Starts `command` on `key` (for one-key commands command.key, for retrievals each key in turn).
  // Copies what later steps and the answer need: afterwards the command's views may die.
  [[nodiscard]] Step Begin(const memcache::Command& command, std::string_view key,
                           const Environment& environment, Buffer* out);
  // Begin() of a get or gets, which always starts with Step::kRead.
  void BeginRead(memcache::Verb verb, std::string_view key, const Settings& settings);
  // Starts the removal of the old item of a set or ms whose data was too large (the parser's
  // kTooLarge): memcached removes it, so that no older value passes for the refused one. The answer
  // is the error line. REQUIRES: command.verb is kSet or kMetaSet.
  [[nodiscard]] Step BeginRemoval(const memcache::Command& command, const Environment& environment,
                                  Buffer* out);
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
  // The client's key, without the prefix it was begun with.
  [[nodiscard]] std::string_view key() const {
    return std::string_view(redis_key_).substr(prefix_bytes_);
  }
  [[nodiscard]] memcache::Verb verb() const { return verb_; }
  // Of a meta command.
  [[nodiscard]] const memcache::MetaFlags& meta() const { return meta_; }
  // The CAS unique that this command took from the environment, its date for the rule on pending
  // removals; 0 when it took none. What is written may be another (E, or old + 1).
  [[nodiscard]] uint64_t cas() const { return cas_; }

 private:
  // What the replies that are due belong to.
  enum class Phase : uint8_t {
    kRead,      // GET, alone
    kNative,    // the command's own form
    kMetadata,  // MULTI ... EXEC around a read with its time to live
    kScript,
    kRemoval,  // of the item that a too large one was to replace
  };

  void Start(const memcache::Command& command, std::string_view key, const Settings& settings);
  [[nodiscard]] bool is_read() const;
  [[nodiscard]] bool removal_due() const;
  [[nodiscard]] Step Read();
  [[nodiscard]] Step Wait(Phase phase, uint8_t replies, bool repeatable);
  // Writes the head of an EVALSHA of `id` with `arguments` ARGVs to follow.
  [[nodiscard]] redis::Encoder CallScript(ScriptId id, size_t arguments, Buffer* out);
  [[nodiscard]] Step WaitForScript(ScriptId id);
  // For a reply that is not the last of several.
  [[nodiscard]] Step StillWaiting() const;
  [[nodiscard]] static Step Done(Outcome outcome) { return {.outcome = outcome}; }
  // Ends a classic command with `line`, unless it asked for silence.
  [[nodiscard]] Step Say(Outcome outcome, std::string_view line, Buffer* answer) const;
  [[nodiscard]] Step OnRemoved(const redis::Reply& reply, Buffer* answer);
  // Redis answered `error`, or with something that is no answer to the request.
  [[nodiscard]] Step OnError(std::string_view error, const Environment& environment,
                             Buffer* answer);
  [[nodiscard]] Step OnMisfit(const Environment& environment, Buffer* answer);
  // The answer of a command that found nothing, or whose backend is away.
  void AnswerMissing(Buffer* answer) const;

  // classic.cc
  [[nodiscard]] Step BeginClassic(const memcache::Command& command, const Environment& environment,
                                  Buffer* out);
  [[nodiscard]] Step OnClassicReply(const redis::Reply& reply, const Environment& environment,
                                    Buffer* answer);
  [[nodiscard]] Step BeginStorage(const memcache::Command& command, const Environment& environment,
                                  Buffer* out);
  [[nodiscard]] Step BeginAppend(const memcache::Command& command, const Environment& environment,
                                 Buffer* out);
  [[nodiscard]] Step BeginCas(const memcache::Command& command, const Environment& environment,
                              Buffer* out);
  [[nodiscard]] Step BeginArithmetic(const memcache::Command& command,
                                     const Environment& environment, Buffer* out);
  [[nodiscard]] Step BeginTouch(const memcache::Command& command, const Environment& environment,
                                Buffer* out);
  [[nodiscard]] Step OnRetrieved(const redis::Reply& reply, const Environment& environment,
                                 Buffer* answer);
  [[nodiscard]] Step OnStorageReply(const redis::Reply& reply, const Environment& environment,
                                    Buffer* answer);
  [[nodiscard]] Step OnArithmeticReply(const redis::Reply& reply, const Environment& environment,
                                       Buffer* answer);
  [[nodiscard]] Step OnTouchReply(const redis::Reply& reply, const Environment& environment,
                                  Buffer* answer);

  // meta_answer.cc
  struct MetaFacts;
  // Appends those flags of the command that are in `shown`, in request order.
  void AppendMetaFlags(const MetaFacts& facts, uint64_t shown, int64_t unix_seconds,
                       Buffer* answer) const;
  // Whether the key is shown in base64; `stored_so`: the client spelt it so.
  [[nodiscard]] bool GoesAsBase64(bool stored_so) const;
  // Ends a meta command that did nothing: `word` (EN NF NS EX) with the flags such answers echo.
  void AppendMetaRefusal(std::string_view word, Buffer* answer) const;
  [[nodiscard]] Step RefuseMeta(Outcome outcome, std::string_view word, Buffer* answer) const;

  // meta_get.cc
  [[nodiscard]] Step BeginMetaGet(const Environment& environment, Buffer* out);
  [[nodiscard]] Step OnMetaGetReply(const redis::Reply& reply, const Environment& environment,
                                    Buffer* out, Buffer* answer);
  [[nodiscard]] Step OnMetadata(const redis::Reply& reply, const Environment& environment,
                                Buffer* out, Buffer* answer);
  [[nodiscard]] Step OnMetaItem(const redis::Reply& reply, const Environment& environment,
                                Buffer* out, Buffer* answer);
  [[nodiscard]] Step OnMetaGetScript(const redis::Reply& reply, const Environment& environment,
                                     Buffer* answer);
  [[nodiscard]] Step CallMetaGet(const Environment& environment, bool touch, Buffer* out);
  [[nodiscard]] bool ChangesState(const Item& item, int64_t unix_seconds) const;
  [[nodiscard]] int64_t RecacheLimitMs(int64_t unix_seconds) const;
  [[nodiscard]] bool Precedes(char first, char second) const;
  struct MetaHit;
  void AnswerMetaHit(const MetaHit& hit, const Environment& environment, Buffer* answer) const;

  // meta_set.cc
  [[nodiscard]] Step BeginMetaSet(const memcache::Command& command, const Environment& environment,
                                  Buffer* out);
  [[nodiscard]] Step BeginMetaStore(const memcache::Command& command,
                                    const Environment& environment, Buffer* out);
  [[nodiscard]] Step BeginMetaCas(const memcache::Command& command, const Environment& environment,
                                  Buffer* out);
  [[nodiscard]] Step BeginMetaAppend(const memcache::Command& command,
                                     const Environment& environment, Buffer* out);
  [[nodiscard]] Step OnMetaSetReply(const redis::Reply& reply, const Environment& environment,
                                    Buffer* answer);
  [[nodiscard]] Step AnswerMetaStored(Buffer* answer) const;

  // meta_delete.cc
  [[nodiscard]] Step BeginMetaDelete(const Environment& environment, Buffer* out);
  [[nodiscard]] Step OnMetaDeleteReply(const redis::Reply& reply, const Environment& environment,
                                       Buffer* answer);

  // meta_arithmetic.cc
  [[nodiscard]] Step BeginMetaArithmetic(const Environment& environment, Buffer* out);
  [[nodiscard]] Step OnMetaArithmeticReply(const redis::Reply& reply,
                                           const Environment& environment, Buffer* answer);
  void AnswerNumber(std::string_view number, const MetaFacts& facts, const Environment& environment,
                    Buffer* answer) const;

  // meta_debug.cc
  void AnswerMetaDebug(const MetaHit& hit, Buffer* answer) const;

  [[nodiscard]] bool Has(char flag) const { return meta_.Has(flag); }

  memcache::Verb verb_ = memcache::Verb::kGet;
  Phase phase_ = Phase::kRead;
  bool noreply_ = false;
  bool gone_ = false;  // the given expiry is already over
  uint32_t prefix_bytes_ = 0;
  uint8_t replies_ = 0;    // that came since the last Wait()
  std::string redis_key_;  // the last of what a read touches
  uint64_t cas_ = 0;
  Step waiting_;
  std::string error_;  // the first error among several replies

  // meta commands only
  memcache::MetaFlags meta_;  // its opaque is in opaque_
  std::string opaque_;
  bool touched_ = false;  // the native step has already set the new expiry
  int64_t ttl_ms_ = -1;   // PTTL before anything changed
  int64_t idle_seconds_ = 0;
  uint64_t written_cas_ = 0;  // for c, when the command stores
  size_t value_bytes_ = 0;    // for s
};

}  // namespace mcrelay::translate
