// What a client is told when Redis is away, refuses, or makes no sense: docs/commands.md, "When a
// backend fails".

#include "protocol/memcache/writer.h"
#include "protocol/redis/error.h"
#include "protocol/translate/translation.h"

namespace mcrelay::translate {

using memcache::Verb;

namespace {

OnError SettingFor(Verb verb, bool is_read, const Settings& settings) {
  if (is_read) return settings.on_error_read;
  if (verb == Verb::kDelete || verb == Verb::kMetaDelete) return settings.on_error_delete;
  return settings.on_error_write;
}

}  // namespace

Step Translation::OnFailure(Failure failure, const Environment& environment, Buffer* answer) {
  if (phase_ == Phase::kRemoval) {
    // the answer is about the size, whether or not the old item could be removed
    Step step = Say(Outcome::kRefused, memcache::kObjectTooLarge, answer);
    step.removal_due = true;
    return step;
  }
  if (failure == Failure::kMissing) {
    AnswerMissing(answer);
    return Done(Outcome::kMiss);
  }
  const bool error = SettingFor(verb_, is_read(), environment.settings) == OnError::kError;
  if (error && !noreply_) {
    answer->Append(memcache::kBackendUnavailable);
  } else if (!error) {
    AnswerMissing(answer);
  }
  return {.outcome = Outcome::kFailed, .removal_due = removal_due()};
}

Step Translation::OnError(std::string_view error, const Environment& environment, Buffer* answer) {
  const redis::ErrorKind kind = redis::ClassifyError(error);
  const bool wrong_type = kind == redis::ErrorKind::kWrongType;
  if (is_read() &&
      (wrong_type || environment.settings.on_error_read == translate::OnError::kMiss)) {
    AnswerMissing(answer);
    return Done(wrong_type ? Outcome::kMiss : Outcome::kFailed);
  }
  if (!noreply_) {
    if (kind == redis::ErrorKind::kOutOfMemory) {
      answer->Append(memcache::kOutOfMemory);
    } else {
      memcache::WriteServerError(error, answer);
    }
  }
  // a key of another type holds no item that could be served
  return {.outcome = Outcome::kFailed, .removal_due = removal_due() && !wrong_type};
}

Step Translation::OnMisfit(const Environment& environment, Buffer* answer) {
  Step step = OnFailure(Failure::kUnavailable, environment, answer);
  step.misfit = true;
  return step;
}

bool Translation::is_read() const {
  switch (verb_) {
    case Verb::kGet:
    case Verb::kGets:
    case Verb::kGat:
    case Verb::kGats:
    case Verb::kMetaGet:
    case Verb::kMetaDebug:
      return true;
    default:
      return false;
  }
}

bool Translation::removal_due() const {
  switch (verb_) {
    case Verb::kSet:
    case Verb::kReplace:
    case Verb::kCas:
    case Verb::kDelete:
    case Verb::kMetaDelete:
      return true;
    case Verb::kMetaSet:
      return meta_.mode != 'E' && meta_.mode != 'A' && meta_.mode != 'P';
    default:
      return false;
  }
}

void Translation::AnswerMissing(Buffer* answer) const {
  switch (verb_) {
    case Verb::kSet:
    case Verb::kAdd:
    case Verb::kReplace:
    case Verb::kAppend:
    case Verb::kPrepend:
      if (!noreply_) answer->Append(memcache::kNotStored);
      return;
    case Verb::kCas:
    case Verb::kIncr:
    case Verb::kDecr:
    case Verb::kDelete:
    case Verb::kTouch:
      if (!noreply_) answer->Append(memcache::kNotFound);
      return;
    case Verb::kMetaGet:
      if (!Has('q')) AppendMetaRefusal("EN", answer);
      return;
    case Verb::kMetaSet:
      return AppendMetaRefusal("NS", answer);
    case Verb::kMetaDelete:
    case Verb::kMetaArithmetic:
      return AppendMetaRefusal("NF", answer);
    case Verb::kMetaDebug:
      return answer->Append("EN\r\n");
    default:
      return;  // a classic retrieval prints nothing for a key that is not there
  }
}

}  // namespace mcrelay::translate
