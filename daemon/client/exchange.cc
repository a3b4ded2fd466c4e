#include "daemon/client/exchange.h"

#include <cassert>

#include "daemon/client/context.h"
#include "daemon/client/counting.h"
#include "daemon/client/session.h"
#include "daemon/log/log.h"
#include "protocol/memcache/answers.h"
#include "protocol/redis/encoder.h"
#include "protocol/redis/error.h"

namespace mcrelay::client {

using memcache::Verb;
using translate::Outcome;
using translate::Step;

namespace {

// Commands that date the item they leave, for the rule on pending removals.
bool ReplacesOrRemoves(Verb verb) {
  return verb == Verb::kSet || verb == Verb::kAdd || verb == Verb::kReplace || verb == Verb::kCas ||
         verb == Verb::kDelete || verb == Verb::kMetaSet || verb == Verb::kMetaDelete;
}

// Commands that replace the old item as a whole, or leave it alone.
bool Overwrites(const memcache::Command& command) {
  switch (command.verb) {
    case Verb::kSet:
    case Verb::kAdd:
    case Verb::kReplace:
    case Verb::kCas:
    case Verb::kDelete:
      return true;
    case Verb::kMetaSet:
      return !command.meta.Has('I') && command.meta.mode != 'A' && command.meta.mode != 'P';
    case Verb::kMetaDelete:
      return !command.meta.Has('I');
    default:
      return false;
  }
}

bool Overrode(Verb verb, Outcome outcome) {
  if (verb == Verb::kDelete || verb == Verb::kMetaDelete) {
    return outcome == Outcome::kHit || outcome == Outcome::kMiss;
  }
  return outcome == Outcome::kStored || (verb == Verb::kCas && outcome == Outcome::kHit);
}

}  // namespace

Buffer& Exchange::Answer() {
  if (session_->head_ == this) return session_->stream_.out();
  context_.io.buffers.Lend(&held_);
  return held_;
}

void Exchange::Reset(Session* session) {
  session_ = session;
  connection_ = nullptr;
  script_ = nullptr;
  arrived_ms_ = session->arrived_ms_;
  begun_us_ = context_.io.loop.now_us();
  outstanding_ = replies_ = answer_bytes_ = 0;
  flags_ = {};
  queued_ = true;
}

// As Begin(), for what it would come to.
void Exchange::BeginRead(Session* session, Verb verb, std::string_view key) {
  Reset(session);
  translation_.BeginRead(verb, key, context_.runtime->translate);
  const std::string_view redis_key = translation_.redis_key();
  connection_ = &context_.router->Pick(redis_key);
  const bool hidden = Hidden();
  if (!hidden && verb == Verb::kGet && context_.router->reads_elsewhere()) {
    connection_ = &context_.router->PickReader(redis_key);
  }
  if (hidden || !Usable()) {
    begun_us_ = 0;
    Fail(hidden ? translate::Failure::kMissing : translate::Failure::kUnavailable);
    return;
  }
  Take({.kind = Step::Kind::kRead}, 0);
}

void Exchange::Begin(Session* session, const memcache::Command& command, std::string_view key) {
  Reset(session);
  flags_.overwrites = Overwrites(command);
  connection_ = &Route(key);
  if (session->read_turn_ == context_.turn && !translate::Translation::StartsWithRead(command)) {
    connection_->CloseBatch();  // what this client asked to read, it asked before this write
  }
  const auto begin = [&](Buffer* out) {
    return translation_.Begin(command, key, context_.Environment(), out);
  };
  if (connection_->node().removals().any() && Hidden(command, key)) {
    // While the node is away on_error decides, as for any other key.
    Refuse(begin, Usable() ? translate::Failure::kMissing : translate::Failure::kUnavailable);
    return;
  }
  if (context_.router->follows() && context_.router->reads_elsewhere() && PlainRead(command)) {
    context_.redis_key.assign(context_.runtime->translate.key_prefix).append(key);
    connection_ = &context_.router->PickReader(context_.redis_key);
  }
  Start(begin);
}

// A read that feeds no write, nor a second step.
bool Exchange::PlainRead(const memcache::Command& command) const {
  return command.verb == Verb::kMetaGet && translate::Translation::StartsWithRead(command) &&
         !command.meta.Has('c') && !command.meta.Has('C') && !command.meta.Has('h') &&
         !command.meta.Has('N');
}

void Exchange::BeginRemoval(Session* session, const memcache::Command& command) {
  Reset(session);
  flags_.overwrites = true;
  connection_ = &Route(command.key);
  if (session->read_turn_ == context_.turn) connection_->CloseBatch();
  Start(
      [&](Buffer* out) { return translation_.BeginRemoval(command, context_.Environment(), out); });
}

template <typename Write>
void Exchange::Start(const Write& write) {
  if (!Usable()) {
    Refuse(write, translate::Failure::kUnavailable);
    return;
  }
  Buffer& out = connection_->Begin();
  const size_t request_at = out.size();
  const Step step = write(&out);
  NoteOverride();
  // A meta get may need a second step, whose effect must come before later commands on the key.
  if (translation_.verb() == Verb::kMetaGet) Hold();
  Take(step, request_at);
}

template <typename Write>
void Exchange::Refuse(const Write& write, translate::Failure failure) {
  const Step step = write(&context_.discard);  // the answer depends on the command
  context_.discard.Clear();
  begun_us_ = 0;
  NoteOverride();
  if (failure == translate::Failure::kUnavailable && !connection_->refusal().empty()) {
    refusal_ = connection_->refusal();
    replies_ = step.replies;
    GiveUp();
    return;
  }
  Fail(failure);
}

// While a removal of `key` is pending, nothing may show the old item or build on it.
bool Exchange::Hidden(const memcache::Command& command, std::string_view key) {
  if (Overwrites(command)) return false;
  context_.redis_key.assign(context_.runtime->translate.key_prefix).append(key);
  return connection_->node().removals().Hides(context_.redis_key);
}

bool Exchange::Hidden() const {
  const backend::Removals& removals = connection_->node().removals();
  return removals.any() && removals.Hides(translation_.redis_key());
}

// A delete stores no CAS unique: what was there before it is what has one older than now.
void Exchange::NoteOverride() {
  begun_cas_ = quiet_ = 0;
  if (!ReplacesOrRemoves(translation_.verb())) return;
  begun_cas_ = translation_.cas() != 0 ? translation_.cas() : context_.cas.Next();
  backend::Removals& removals = connection_->node().removals();
  if (removals.any()) quiet_ = removals.Quiet();
}

void Exchange::SettleRemoval(const Step& step) {
  if (!step.removal_due && !flags_.overwrites) return;
  if (context_.router == nullptr) return;  // the worker ends, and what is pending with it
  backend::Removals& removals = connection_->node().removals();
  const std::string_view key = translation_.redis_key();
  if (!step.removal_due) {
    if (begun_cas_ != 0 && removals.any() && Overrode(translation_.verb(), step.outcome)) {
      removals.Settle(key, begun_cas_, quiet_);
    }
    return;
  }
  backend::Connection& owner = context_.router->Pick(key);
  if (&owner != connection_) {  // the key has moved meanwhile: both may show the old item
    const auto& there = owner.settings();
    (void)owner.node().removals().Add(key, begun_cas_, there.most_removals, there.on_overflow);
    owner.StartChores();
  }
  const auto& settings = connection_->settings();
  if (!removals.any() && connection_->node().TellsHiding(context_.io.loop.now_ms())) {
    log::Info(log::Event::kPendingRemoval,
              "node {}: items that may be stale are hidden until they are removed",
              connection_->node().name());
  }
  if (!removals.Add(key, begun_cas_, settings.most_removals, settings.on_overflow)) {
    context_.counters.Add(stats::Counter::kRemovalOverflows);
    if (removals.TellOverflow()) {
      log::Warning(
          log::Event::kPendingRemoval,
          "node {}: more than {} removals are pending (limits.pending_removals); what does "
          "not fit goes by on_overflow",
          connection_->node().name(), settings.most_removals);
    }
  }
  context_.counters.Add(stats::Counter::kRemovals);
  connection_->StartChores();
}

void Exchange::BeginLocal(Session* session, std::string_view answer) {
  Reset(session);
  Answer().Append(answer);
  answer_bytes_ = static_cast<uint32_t>(answer.size());
  flags_.done = flags_.answered = true;
  session->OnDone(this);
}

backend::Connection& Exchange::Route(std::string_view key) {
  const std::string& prefix = context_.runtime->translate.key_prefix;
  if (prefix.empty()) return context_.router->Pick(key);
  context_.redis_key.assign(prefix).append(key);
  return context_.router->Pick(context_.redis_key);
}

bool Exchange::Usable() const {
  return connection_->accepts() &&
         arrived_ms_ + context_.runtime->request_ms >= context_.io.loop.now_ms();
}

std::string_view Exchange::key() const { return translation_.key(); }

bool Exchange::Holds(std::string_view key) const { return flags_.holds && this->key() == key; }

bool Exchange::HoldIfMoved(std::string_view key) {
  if (flags_.done || flags_.flush || connection_ == nullptr || this->key() != key) return false;
  if (connection_ == &context_.router->Pick(translation_.redis_key())) return false;
  Hold();
  return true;
}

void Exchange::Hold() {
  if (flags_.holds) return;
  flags_.holds = true;
  session_->AddHold(key());
}

// Queues what `step` asks for. The bytes from `request_at` on in the connection's buffer are its
// requests; none there means that more replies of earlier requests are to come.
void Exchange::Take(const Step& step, size_t request_at) {
  if (step.kind == Step::Kind::kRead) {
    flags_.reads = flags_.repeatable = true;
    session_->read_turn_ = context_.turn;
    outstanding_ = replies_ = 1;
    connection_->Read(translation_.redis_key(), this, arrived_ms_);
    return;
  }
  assert(step.kind == Step::Kind::kWait);
  const std::string_view requests = connection_->Begin().view().substr(request_at);
  if (requests.empty()) return;
  flags_.reads = flags_.as_eval = flags_.asking = false;
  flags_.repeatable = step.repeatable;
  script_ = step.script;
  if (script_ != nullptr) Hold();  // NOSCRIPT would make it overtaken by later commands on the key
  if (flags_.repeatable || script_ != nullptr || context_.router->follows()) {
    context_.io.buffers.Lend(&retained_);
    retained_.Clear();
    retained_.Append(requests);
    flags_.retains = true;
  }
  replies_ = step.replies;
  Expect();
}

void Exchange::Expect() {
  for (; outstanding_ < replies_; ++outstanding_) connection_->Expect(this, arrived_ms_);
}

bool Exchange::OnReply(const redis::Reply& reply) {
  --outstanding_;
  if (flags_.done) {
    ReleaseIfUnused();
    return true;
  }
  if (session_ == nullptr) return OnOrphanReply(reply);
  if (script_ != nullptr && !flags_.as_eval && reply.is_error() &&
      redis::ClassifyError(reply.text) == redis::ErrorKind::kNoScript) {
    SendAsEval();
    return true;
  }
  if ((context_.router->follows() || flags_.refused) && Diverts(reply)) return true;
  if (flags_.repeatable && Hidden()) {  // it became stale while it was read
    Fail(translate::Failure::kMissing);
    return true;
  }
  if (reply.is_error() && redis::ClassifyError(reply.text) == redis::ErrorKind::kOutOfMemory) {
    context_.counters.Add(stats::Counter::kStoreNoMemory);
  }
  if (flags_.reads && reply.is_string() && session_->Postpones(*this, reply.text.size())) {
    flags_.postponed = true;
    return true;
  }
  flags_.answered = true;
  Buffer& out = connection_->Begin();
  const size_t request_at = out.size();
  Buffer& answer = Answer();
  const size_t answer_at = answer.size();
  const Step step = translation_.OnReply(reply, context_.Environment(), &out, &answer);
  const bool fits = !step.misfit;
  if (step.kind == Step::Kind::kDone) {
    Finish(step, answer_at);
  } else {
    Take(step, request_at);
  }
  return fits;
}

// The server forgot the script (restart, SCRIPT FLUSH, failover): nothing was executed, so the text
// may be sent. EVAL also makes the server remember it.
void Exchange::SendAsEval() {
  flags_.as_eval = true;
  if (flags_.asking) WriteAsking();
  translate::WriteEval(*script_, retained_.view(), &connection_->Begin());
  Expect();
}

void Exchange::OnLost() {
  --outstanding_;
  if (flags_.done) {
    ReleaseIfUnused();
    return;
  }
  if (outstanding_ > 0) return;  // the others are lost too
  if (session_ == nullptr) {
    EndAsFailed();
    return;
  }
  if (context_.router->follows()) {
    context_.router->Doubt();
    flags_.refused = false;
    // Whatever was lost, the primary is the one to ask: another replica may be away as well.
    if (flags_.repeatable) connection_ = &context_.router->Pick(translation_.redis_key());
  }
  if (flags_.repeatable && !flags_.retried && Usable() && !Hidden()) {
    Repeat();
  } else {
    Fail(translate::Failure::kUnavailable);
  }
}

// Nobody hears the answer any more, but what becomes of the item still matters.
bool Exchange::OnOrphanReply(const redis::Reply& reply) {
  const Step step =
      translation_.OnReply(reply, context_.Environment(), &context_.discard, &context_.discard);
  const bool further = !context_.discard.empty() && step.kind != Step::Kind::kDone;
  if (step.kind == Step::Kind::kDone) {
    EndOrphan(step);
  } else if (further || outstanding_ == 0) {
    EndAsFailed();
  } else {
    context_.discard.Clear();
  }
  return !step.misfit;
}

void Exchange::EndAsFailed() {
  EndOrphan(translation_.OnFailure(translate::Failure::kUnavailable, context_.Environment(),
                                   &context_.discard));
}

void Exchange::EndOrphan(const Step& step) {
  context_.discard.Clear();
  flags_.done = true;
  SettleRemoval(step);
  ReleaseIfUnused();
}

void Exchange::Repeat() {
  flags_.retried = true;
  context_.counters.Add(stats::Counter::kRetriedReads);
  translation_.Rewind();
  Hold();
  if (flags_.reads) {
    outstanding_ = 1;
    connection_->Read(translation_.redis_key(), this, arrived_ms_);
    return;
  }
  connection_->Begin().Append(retained_.view());
  Expect();
}

// The client has room again for what it had none for: it is read once more. No reply was due
// meanwhile, so the connection may be gone with its router.
void Exchange::ReadAgain() {
  flags_.postponed = false;
  connection_ = &context_.router->Pick(translation_.redis_key());
  arrived_ms_ = context_.io.loop.now_ms();  // the wait was the client's own
  if (!Usable() || Hidden()) {
    Fail(Hidden() ? translate::Failure::kMissing : translate::Failure::kUnavailable);
    return;
  }
  translation_.Rewind();
  outstanding_ = 1;
  connection_->Read(translation_.redis_key(), this, arrived_ms_);
}

void Exchange::Fail(translate::Failure failure) {
  context_.counters.Add(stats::Counter::kBackendFailed);
  Buffer& answer = Answer();
  const size_t answer_at = answer.size();
  Finish(translation_.OnFailure(failure, context_.Environment(), &answer), answer_at);
}

void Exchange::Finish(const Step& step, size_t answer_at) {
  flags_.done = true;
  answer_bytes_ = static_cast<uint32_t>(Answer().size() - answer_at);
  flags_.failed = step.outcome == translate::Outcome::kFailed;
  Count(translation_, step.outcome, &context_.counters);
  if (context_.prefixes.on()) {
    CountPrefix(translation_, step.outcome, &context_.prefixes);
  }
  if (begun_us_ != 0) {
    context_.latencies.Add(LatencyOf(translation_.verb()), context_.io.loop.now_us() - begun_us_);
  }
  if (step.removal_due || flags_.overwrites) SettleRemoval(step);
  if (flags_.holds) session_->DropHold();
  flags_.holds = false;
  session_->OnDone(this);
}

namespace {

// A node in such a state may do later what it refuses now. What a login may not do stays refused.
bool Passes(redis::ErrorKind kind) {
  using redis::ErrorKind;
  return redis::IsNodeState(kind) && kind != ErrorKind::kNoAuth && kind != ErrorKind::kWrongPass &&
         kind != ErrorKind::kNoPerm;
}

}  // namespace

// Waits for one node's part of a flush_all. Deletes itself.
class Exchange::FlushPart final : public backend::Waiter {
 public:
  FlushPart(Exchange& whole, backend::Connection& connection)
      : whole_(whole), connection_(connection), quiet_(connection.node().removals().Quiet()) {}

  bool OnReply(const redis::Reply& reply) override {
    if (!reply.is_error()) connection_.node().removals().Flushed(quiet_);
    if (reply.is_error() && Passes(redis::ClassifyError(reply.text))) {
      OnLost();
      return true;
    }
    whole_.OnFlushPart(!reply.is_error());
    delete this;
    return true;
  }
  // It stays due: what is there now must not be served when the node comes back.
  void OnLost() override {
    if (whole_.context_.router != nullptr) whole_.context_.router->OweFlush(connection_.node());
    whole_.OnFlushPart(false);
    delete this;
  }

 private:
  Exchange& whole_;
  backend::Connection& connection_;
  const uint64_t quiet_;
};

void Exchange::BeginFlush(Session* session, bool noreply) {
  Reset(session);
  flags_.flush = true;
  flags_.noreply = noreply;
  ++outstanding_;  // until all parts are under way
  for (const auto& connection : context_.router->connections()) {
    connection->CloseBatch();
    ++outstanding_;
    auto* part = new FlushPart(*this, *connection);
    if (!connection->accepts()) {
      part->OnLost();
      continue;
    }
    redis::Encoder(&connection->Begin()).Request({"FLUSHDB", "ASYNC"});
    connection->Expect(part, arrived_ms_);
  }
  OnFlushPart(true);
}

// A flush that some node did not do is an error: the client must not believe that all is gone.
void Exchange::OnFlushPart(bool done) {
  --outstanding_;
  if (!done) flags_.failed = true;
  if (outstanding_ > 0) return;
  if (session_ == nullptr) {
    ReleaseIfUnused();
    return;
  }
  flags_.done = flags_.answered = true;
  if (!flags_.noreply)
    Answer().Append(flags_.failed ? memcache::kBackendUnavailable : memcache::kOk);
  session_->OnDone(this);
}

void Exchange::Leave() {
  session_ = nullptr;
  queued_ = false;
  ReleaseIfUnused();
}

void Exchange::ReleaseIfUnused() {
  if (queued_ || outstanding_ > 0) return;
  held_.Clear();
  context_.io.buffers.Return(&held_);
  if (flags_.retains) {
    retained_.Clear();
    context_.io.buffers.Return(&retained_);
  }
  context_.exchanges.Give(this);
}

}  // namespace mcrelay::client
