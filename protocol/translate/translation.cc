#include "protocol/translate/translation.h"

#include <cassert>

#include "protocol/memcache/answers.h"
#include "protocol/redis/encoder.h"

namespace mcrelay::translate {

using memcache::Verb;

bool Translation::StartsWithRead(const memcache::Command& command) {
  if (command.verb == Verb::kGet || command.verb == Verb::kGets) return true;
  using memcache::MetaFlags;
  constexpr uint64_t kNeedMore =
      MetaFlags::Bit('T') | MetaFlags::Bit('t') | MetaFlags::Bit('l') | MetaFlags::Bit('R');
  return command.verb == Verb::kMetaGet && (command.meta.present & kNeedMore) == 0;
}

Step Translation::Begin(const memcache::Command& command, std::string_view key,
                        const Environment& environment, Buffer* out) {
  Start(command, key, environment.settings);
  switch (verb_) {
    case Verb::kGet:
    case Verb::kGets:
      return Read();
    case Verb::kMetaGet:
    case Verb::kMetaDebug:
      return BeginMetaGet(environment, out);
    case Verb::kMetaSet:
      return BeginMetaSet(command, environment, out);
    case Verb::kMetaDelete:
      return BeginMetaDelete(environment, out);
    case Verb::kMetaArithmetic:
      return BeginMetaArithmetic(environment, out);
    default:
      return BeginClassic(command, environment, out);
  }
}

void Translation::BeginRead(Verb verb, std::string_view key, const Settings& settings) {
  verb_ = verb;
  noreply_ = false;
  phase_ = Phase::kRead;
  replies_ = 0;
  prefix_bytes_ = static_cast<uint32_t>(settings.key_prefix.size());
  if (prefix_bytes_ == 0) {
    redis_key_.assign(key);
  } else {
    redis_key_.assign(settings.key_prefix).append(key);
  }
}

Step Translation::BeginRemoval(const memcache::Command& command, const Environment& environment,
                               Buffer* out) {
  assert(command.verb == Verb::kSet || command.verb == Verb::kMetaSet);
  Start(command, command.key, environment.settings);
  cas_ = environment.cas.Next();
  redis::Encoder(out).Request({"UNLINK", redis_key_});
  return Wait(Phase::kRemoval, 1, false);
}

Step Translation::OnReply(const redis::Reply& reply, const Environment& environment, Buffer* out,
                          Buffer* answer) {
  ++replies_;
  switch (verb_) {
    case Verb::kGet:
    case Verb::kGets:
      return OnRetrieved(reply, environment, answer);
    case Verb::kMetaGet:
    case Verb::kMetaDebug:
      return OnMetaGetReply(reply, environment, out, answer);
    case Verb::kMetaSet:
      return phase_ == Phase::kRemoval ? OnRemoved(reply, answer)
                                       : OnMetaSetReply(reply, environment, answer);
    case Verb::kMetaDelete:
      return OnMetaDeleteReply(reply, environment, answer);
    case Verb::kMetaArithmetic:
      return OnMetaArithmeticReply(reply, environment, answer);
    default:
      return phase_ == Phase::kRemoval ? OnRemoved(reply, answer)
                                       : OnClassicReply(reply, environment, answer);
  }
}

Step Translation::OnRemoved(const redis::Reply& reply, Buffer* answer) {
  Step step = Say(Outcome::kRefused, memcache::kObjectTooLarge, answer);
  step.removal_due = !reply.is_integer();
  return step;
}

void Translation::Rewind() {
  replies_ = 0;
  error_.clear();
}

void Translation::Start(const memcache::Command& command, std::string_view key,
                        const Settings& settings) {
  verb_ = command.verb;
  noreply_ = command.noreply;
  gone_ = false;
  cas_ = 0;
  prefix_bytes_ = static_cast<uint32_t>(settings.key_prefix.size());
  redis_key_.assign(settings.key_prefix).append(key);
  if (verb_ < Verb::kMetaGet || verb_ > Verb::kMetaDebug) return;
  meta_ = command.meta;
  opaque_.assign(command.meta.opaque);
  meta_.opaque = {};
  touched_ = false;
  ttl_ms_ = -1;
  idle_seconds_ = 0;
}

Step Translation::Read() {
  phase_ = Phase::kRead;
  Rewind();
  return {.kind = Step::Kind::kRead};
}

Step Translation::Wait(Phase phase, uint8_t replies, bool repeatable) {
  phase_ = phase;
  Rewind();
  waiting_ = {.kind = Step::Kind::kWait, .replies = replies, .repeatable = repeatable};
  return waiting_;
}

redis::Encoder Translation::CallScript(ScriptId id, size_t arguments, Buffer* out) {
  redis::Encoder request(out);
  request.Begin(4 + arguments).Arg("EVALSHA").Arg(GetScript(id).sha1).Arg("1").Arg(redis_key_);
  return request;
}

Step Translation::WaitForScript(ScriptId id) {
  waiting_ = Wait(Phase::kScript, 1, false);
  waiting_.script = &GetScript(id);
  return waiting_;
}

Step Translation::StillWaiting() const {
  Step step = waiting_;
  step.replies = static_cast<uint8_t>(waiting_.replies - replies_);
  return step;
}

Step Translation::Say(Outcome outcome, std::string_view line, Buffer* answer) const {
  if (!noreply_) answer->Append(line);
  return Done(outcome);
}

}  // namespace mcrelay::translate
