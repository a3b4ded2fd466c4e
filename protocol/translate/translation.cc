#include "protocol/translate/translation.h"

#include <cassert>

#include "protocol/memcache/answers.h"
#include "protocol/redis/encoder.h"

namespace mcrelay::translate {

using memcache::Verb;

bool Translation::StartsWithRead(const memcache::Command& command) {
  return command.verb == Verb::kGet || command.verb == Verb::kGets;
}

Step Translation::Begin(const memcache::Command& command, std::string_view key,
                        const Environment& environment, Buffer* out) {
  Start(command, key, environment.settings);
  if (StartsWithRead(command)) return Read();
  return BeginClassic(command, environment, out);
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
  if (phase_ == Phase::kRead && verb_ <= Verb::kGets) {
    return OnRetrieved(reply, environment, answer);
  }
  if (phase_ == Phase::kRemoval) {
    Step step = Say(Outcome::kRefused, memcache::kObjectTooLarge, answer);
    step.removal_due = !reply.is_integer();
    return step;
  }
  (void)out;
  return OnClassicReply(reply, environment, answer);
}

void Translation::Rewind() {
  replies_ = 0;
  one_said_yes_ = false;
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

Step Translation::Say(Outcome outcome, std::string_view line, Buffer* answer) const {
  if (!noreply_) answer->Append(line);
  return Done(outcome);
}

}  // namespace mcrelay::translate
