// Exchange is one command until it is answered: a multi-key retrieval is one Exchange per key.
//
//   Session --Begin()--> requests on a Connection --OnReply()--> answer, written straight into the
//   session's output when its turn has come, else kept in held() until it does
//
// Owned by its session's queue, and by the replies still due: it goes back to the pool when it is
// neither queued nor waited for. A session that dies leaves its exchanges behind as orphans, which
// drop what comes, so that the pipeline stays aligned.
// Threading: its worker's thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/backend/connection.h"
#include "daemon/route/router.h"
#include "protocol/buffer.h"
#include "protocol/memcache/command.h"
#include "protocol/translate/translation.h"

namespace mcrelay::client {

struct Context;
class Session;

// A later command on the same key that was sent before an earlier one has to be sent again.
enum class Rival : uint8_t { kNone, kInFlight, kExecuted };

class alignas(64) Exchange final : public backend::Waiter, public route::Retrier {
 public:
  explicit Exchange(Context& context) : context_(context) {}

  // Starts `command` on `key` for `session`, which has queued it already.
  void Begin(Session* session, const memcache::Command& command, std::string_view key);
  // Begin() of one key of a get or gets.
  void BeginRead(Session* session, memcache::Verb verb, std::string_view key);
  // Starts the removal of the old item of a storage command whose data was too large.
  void BeginRemoval(Session* session, const memcache::Command& command);
  // FLUSHDB on every node.
  void BeginFlush(Session* session, bool noreply);
  // An answer that is known already.
  void BeginLocal(Session* session, std::string_view answer);

  // The session dies, or the answer was taken: no more of it concerns the session.
  void Leave();

  [[nodiscard]] bool done() const { return flags_.done; }
  [[nodiscard]] Buffer& held() { return held_; }
  // The answer is the SERVER_ERROR line that ends a retrieval.
  [[nodiscard]] bool failed() const { return flags_.failed; }
  // The backend answered: the session's progress is real.
  [[nodiscard]] bool answered() const { return flags_.answered; }
  [[nodiscard]] uint32_t answer_bytes() const { return answer_bytes_; }
  // Later commands of the session on this key must wait until this one is done.
  [[nodiscard]] bool Holds(std::string_view key) const;
  // It is on its way to a node that `key` does not belong to any more: from now on it holds its
  // key.
  [[nodiscard]] bool HoldIfMoved(std::string_view key);

  // Tells the processor that `exchange` is needed soon, if there is one: with many keys under way
  // the next one is out of the nearest caches, and waiting for it costs more than all that is done.
  static void Prefetch(const Exchange* exchange) {
    constexpr size_t kLines = 3;  // what a get touches
    const char* const at = reinterpret_cast<const char*>(exchange);
    for (size_t line = 0; line < kLines; ++line) __builtin_prefetch(at + line * 64, 1);
  }

  // For the session's queue and the pool's free list.
  Exchange* next = nullptr;
  // What the answer will probably come to.
  uint32_t expected_bytes = 0;
  // Position in a multi-key retrieval.
  bool in_list = false;
  bool ends_list = false;

 private:
  friend class Session;

  bool OnReply(const redis::Reply& reply) override;
  void OnLost() override;
  void OnRetry() override;

  void Reset(Session* session);
  // `write` writes the first requests to the buffer it is given.
  template <typename Write>
  void Start(const Write& write);
  [[nodiscard]] backend::Connection& Route(std::string_view key);
  [[nodiscard]] bool Usable() const;
  [[nodiscard]] bool Hidden(const memcache::Command& command, std::string_view key);
  [[nodiscard]] bool Hidden() const;
  void SettleRemoval(const translate::Step& step);
  template <typename Write>
  void Refuse(const Write& write, translate::Failure failure);
  void NoteOverride();
  void Take(const translate::Step& step, size_t request_at);
  void Expect();
  void SendAsEval();
  void Repeat();
  [[nodiscard]] bool PlainRead(const memcache::Command& command) const;
  [[nodiscard]] bool Diverts(const redis::Reply& reply);
  [[nodiscard]] route::Advice Judge() const;
  void Divert(const route::Advice& advice);
  [[nodiscard]] bool LosesPatience();
  void WaitForRoute();
  void SendAgain(backend::Connection& to, bool asking);
  void WriteAsking();
  void GiveUp();
  [[nodiscard]] std::string_view key() const;
  void Fail(translate::Failure failure);
  void Finish(const translate::Step& step, size_t answer_at);
  class FlushPart;
  void OnFlushPart(bool done);
  bool OnOrphanReply(const redis::Reply& reply);
  void EndOrphan(const translate::Step& step);
  void EndAsFailed();
  void ReadAgain();
  void Hold();
  void ReleaseIfUnused();
  [[nodiscard]] Buffer& Answer();

  // What is false when a command begins.
  struct Flags {
    bool done = false;
    bool failed = false;
    bool answered = false;
    bool repeatable = false;  // the requests in flight may be sent a second time
    bool retried = false;
    bool reads = false;       // the request in flight is a merged read
    bool overwrites = false;  // may pass while a removal of its key is pending
    bool as_eval = false;     // the script goes with its text
    bool waiting = false;     // for the topology to settle: the router has it
    bool asking = false;      // the request in flight was sent with ASKING
    bool refused = false;     // a reply in flight said so: all of them go again
    bool holds = false;
    bool flush = false;
    bool postponed = false;  // its value was dropped, to be read again when the client has room
    bool noreply = false;
    bool retains = false;  // something is in retained_
    uint8_t diversions = 0;
  };

  // A get touches what stands first, and little else: with many clients an exchange is out of the
  // nearest cache between its command and its answer.
  Context& context_;
  Session* session_ = nullptr;                 // null: orphan, or answered
  backend::Connection* connection_ = nullptr;  // lives while a reply is due; see OnRetry()
  uint64_t arrived_ms_ = 0;
  uint64_t begun_us_ = 0;     // 0: refused at once, which is no latency
  uint32_t outstanding_ = 0;  // replies due
  uint32_t replies_ = 0;      // replies of the requests in flight
  uint32_t answer_bytes_ = 0;
  Flags flags_;
  bool queued_ = false;                        // in the session's queue
  const translate::Script* script_ = nullptr;  // the requests in flight are one EVALSHA of it
  Buffer held_;
  translate::Translation translation_;
  Buffer retained_;         // the requests in flight, when they may have to be sent again
  uint64_t begun_cas_ = 0;  // of a write, for the rule on pending removals
  uint64_t quiet_ = 0;      // Removals::Quiet() when it began
  std::string refusal_;     // the error because of which it is sent again
};

}  // namespace mcrelay::client
