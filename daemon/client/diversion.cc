// Exchange, where the topology changes under a request: it is sent again, elsewhere or later.
//
// A refused request was not executed, so a write may be sent again as well. All replies of a group
// (MULTI ... EXEC) are awaited, then the group goes again as a whole. Meanwhile the session's later
// commands on the key wait.

#include <algorithm>

#include "daemon/client/context.h"
#include "daemon/client/exchange.h"
#include "daemon/client/session.h"
#include "protocol/redis/encoder.h"
#include "protocol/translate/scripts.h"

namespace mcrelay::client {

using route::Advice;
using translate::Step;

namespace {

// Redirections in a row after which it is better to wait for the nodes to agree.
constexpr uint8_t kMostDiversions = 5;
// With less time left than this an answer might be late, which would cost the connection.
constexpr uint64_t kLastMs = 20;

// The replies to ASKING are nobody's.
class Ignore final : public backend::Waiter {
 public:
  bool OnReply(const redis::Reply&) override { return true; }
  void OnLost() override {}
};
Ignore ignore;

}  // namespace

// True when `reply` is not for the client: an error that says to try elsewhere or later, or another
// reply of the same group.
bool Exchange::Diverts(const redis::Reply& reply) {
  if (flags_.refused) {
    if (outstanding_ == 0) Divert(Judge());
    return true;
  }
  if (!reply.is_error()) {
    // What follows a plain read belongs to the primary.
    if (flags_.reads) connection_ = &context_.router->Pick(translation_.redis_key());
    return false;
  }
  // Begun before a reload, when the topology was one that stays: there is nothing to send again.
  if (!flags_.reads && !flags_.retains) return false;
  refusal_ = reply.text;
  const Advice advice = Judge();
  if (advice.kind == Advice::Kind::kAnswer) return false;
  flags_.refused = true;
  if (outstanding_ == 0) Divert(advice);
  return true;
}

// The advice holds for now only: the connection it names may be gone when the next reply comes.
Advice Exchange::Judge() const {
  return context_.router->Judge(refusal_, *connection_, translation_.redis_key());
}

void Exchange::Divert(const Advice& advice) {
  flags_.refused = false;
  translation_.Rewind();
  Hold();
  const bool wait = advice.to == nullptr || advice.kind == Advice::Kind::kWait ||
                    !advice.to->accepts() || ++flags_.diversions > kMostDiversions;
  if (LosesPatience() || (wait && context_.io.loop.now_ms() < session_->impatient_until_ms_)) {
    GiveUp();
    return;
  }
  if (!wait) {
    SendAgain(*advice.to, advice.kind == Advice::Kind::kAsk);
    return;
  }
  WaitForRoute();
}

// True when it is too late to send it again. What follows it in the same batch would wait as long
// once more, window after window: for a moment none of it waits.
bool Exchange::LosesPatience() {
  const uint64_t now_ms = context_.io.loop.now_ms();
  const uint64_t request_ms = context_.runtime->request_ms;
  if (arrived_ms_ + request_ms >= now_ms + std::min<uint64_t>(kLastMs, request_ms / 4))
    return false;
  session_->impatient_until_ms_ = now_ms + request_ms;
  return true;
}

void Exchange::WaitForRoute() {
  flags_.waiting = true;
  ++outstanding_;  // as long as the router has it
  context_.router->Wait(this);
}

// No reply was due meanwhile, so the connection that refused it may be gone, with its router or
// from it. There is no router any more when the worker ends.
void Exchange::OnRetry() {
  flags_.waiting = false;
  --outstanding_;
  if (context_.router != nullptr) connection_ = &context_.router->Pick(translation_.redis_key());
  if (session_ == nullptr) {
    EndAsFailed();
    return;
  }
  flags_.diversions = 0;
  const Rival rival = session_->RivalOf(*this);
  if (LosesPatience() || rival == Rival::kExecuted) {
    GiveUp();
    return;
  }
  if (rival == Rival::kNone && connection_->accepts()) {
    SendAgain(*connection_, false);
  } else {
    WaitForRoute();
  }
}

void Exchange::SendAgain(backend::Connection& to, bool asking) {
  connection_ = &to;
  flags_.asking = asking;
  backend::Removals& removals = to.node().removals();
  quiet_ = 0;
  if (removals.any()) {
    if (!flags_.overwrites && removals.Hides(translation_.redis_key())) {
      Fail(translate::Failure::kMissing);
      return;
    }
    if (begun_cas_ != 0) quiet_ = removals.Quiet();
  }
  context_.counters.Add(stats::Counter::kDiverted);
  if (flags_.reads && !asking) {
    outstanding_ = 1;
    to.Read(translation_.redis_key(), this, arrived_ms_);
    return;
  }
  if (flags_.reads) {
    WriteAsking();
    redis::Encoder(&to.Begin()).Request({"GET", translation_.redis_key()});
  } else if (script_ != nullptr && flags_.as_eval) {
    if (asking) WriteAsking();
    translate::WriteEval(*script_, retained_.view(), &to.Begin());
  } else if (!asking) {
    to.Begin().Append(retained_.view());
  } else {
    // MULTI keeps the word until EXEC; of several plain requests each needs it.
    const bool block =
        redis::FirstRequest(retained_.view()).find("\r\nMULTI\r\n") != std::string_view::npos;
    std::string_view rest = retained_.view();
    while (!rest.empty()) {
      const std::string_view request = block ? rest : redis::FirstRequest(rest);
      WriteAsking();
      to.Begin().Append(request);
      rest.remove_prefix(request.size());
      if (!block) {
        to.Expect(this, arrived_ms_);
        ++outstanding_;
      }
    }
  }
  Expect();
}

void Exchange::WriteAsking() {
  redis::Encoder(&connection_->Begin()).Request({"ASKING"});
  connection_->Expect(&ignore, arrived_ms_);
}

// The refusal is the answer then.
void Exchange::GiveUp() {
  redis::Reply reply;
  reply.type = redis::Reply::Type::kError;
  reply.text = refusal_;
  Buffer& answer = Answer();
  const size_t answer_at = answer.size();
  flags_.answered = true;
  Step step = translation_.OnReply(reply, context_.Environment(), &context_.discard, &answer);
  for (uint32_t i = 1; i < replies_ && step.kind != Step::Kind::kDone; ++i) {
    step = translation_.OnReply(reply, context_.Environment(), &context_.discard, &answer);
  }
  context_.discard.Clear();
  Finish(step, answer_at);
}

// Later commands of the session on the same key that had left already: once one was executed,
// `exchange` must not be executed after it any more.
Rival Session::RivalOf(const Exchange& exchange) const {
  Rival rival = Rival::kNone;
  for (const Exchange* later = exchange.next; later != nullptr; later = later->next) {
    if (later->connection_ == nullptr) continue;  // a local answer
    if (later->translation_.redis_key() != exchange.translation_.redis_key()) continue;
    if (later->flags_.answered) return Rival::kExecuted;
    if (later->outstanding_ > 0 && !later->flags_.waiting) rival = Rival::kInFlight;
  }
  return rival;
}

}  // namespace mcrelay::client
