// The classic commands. Their Redis forms, and why each: docs/commands.md.

#include <charconv>

#include "protocol/memcache/writer.h"
#include "protocol/translate/requests.h"
#include "protocol/translate/translation.h"

namespace mcrelay::translate {

using memcache::Verb;

Step Translation::BeginClassic(const memcache::Command& command, const Environment& environment,
                               Buffer* out) {
  switch (verb_) {
    case Verb::kGat:
    case Verb::kGats:
      WriteGetEx(redis_key_, ResolveExpiry(command.exptime, environment.unix_ms / 1000), out);
      return Wait(Phase::kNative, 1, false);
    case Verb::kSet:
    case Verb::kAdd:
    case Verb::kReplace:
      return BeginStorage(command, environment, out);
    case Verb::kAppend:
    case Verb::kPrepend:
      return BeginAppend(command, environment, out);
    case Verb::kCas:
      return BeginCas(command, environment, out);
    case Verb::kIncr:
    case Verb::kDecr:
      return BeginArithmetic(command, environment, out);
    case Verb::kTouch:
      return BeginTouch(command, environment, out);
    default:
      cas_ = environment.cas.Next();  // dates a delete, for the rule on pending removals
      redis::Encoder(out).Request({"UNLINK", redis_key_});
      return Wait(Phase::kNative, 1, false);
  }
}

Step Translation::OnClassicReply(const redis::Reply& reply, const Environment& environment,
                                 Buffer* answer) {
  switch (verb_) {
    case Verb::kGat:
    case Verb::kGats:
      return OnRetrieved(reply, environment, answer);
    case Verb::kIncr:
    case Verb::kDecr:
      return OnArithmeticReply(reply, environment, answer);
    case Verb::kTouch:
      return OnTouchReply(reply, environment, answer);
    case Verb::kDelete:
      if (reply.is_error()) return OnError(reply.text, environment, answer);
      if (!IsYesOrNo(reply)) return OnMisfit(environment, answer);
      return reply.integer > 0 ? Say(Outcome::kHit, memcache::kDeleted, answer)
                               : Say(Outcome::kMiss, memcache::kNotFound, answer);
    default:
      return OnStorageReply(reply, environment, answer);
  }
}

Step Translation::OnRetrieved(const redis::Reply& reply, const Environment& environment,
                              Buffer* answer) {
  if (reply.is_string()) {
    Item item;
    if (DecodeItem(reply.text, &item) == ItemStatus::kUnknown) return Done(Outcome::kMiss);
    if (verb_ == Verb::kGets || verb_ == Verb::kGats) {
      const uint64_t cas = CasOf(item);
      memcache::WriteValue(key(), item.flags, item.value, &cas, answer);
    } else {
      memcache::WriteValue(key(), item.flags, item.value, nullptr, answer);
    }
    return Done(Outcome::kHit);
  }
  if (reply.is_nil()) return Done(Outcome::kMiss);
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  return OnMisfit(environment, answer);
}

// A set whose expiry is over leaves nothing behind, yet answers as if it had stored.
Step Translation::BeginStorage(const memcache::Command& command, const Environment& environment,
                               Buffer* out) {
  const Expiry expiry = ResolveExpiry(command.exptime, environment.unix_ms / 1000);
  cas_ = environment.cas.Next();
  gone_ = expiry.gone();
  if (gone_) {
    const bool add = verb_ == Verb::kAdd;
    redis::Encoder(out).Request({add ? "EXISTS" : "UNLINK", redis_key_});
    return Wait(Phase::kNative, 1, add);
  }
  const std::string_view condition = verb_ == Verb::kSet ? "" : verb_ == Verb::kAdd ? "NX" : "XX";
  if (NeedsHeader(environment.settings.value_format, command.client_flags, 0, command.value)) {
    const Header header(command.client_flags, 0, cas_);
    WriteSet(redis_key_, header.view(), command.value, expiry, condition, out);
  } else {
    WriteSet(redis_key_, {}, command.value, expiry, condition, out);
  }
  return Wait(Phase::kNative, 1, false);
}

Step Translation::BeginAppend(const memcache::Command& command, const Environment& environment,
                              Buffer* out) {
  cas_ = environment.cas.Next();
  CallScript(ScriptId::kAppend, 5, out)
      .Arg(verb_ == Verb::kAppend ? "append" : "prepend")
      .Arg(command.value)
      .Arg(CasBytes(cas_).view())
      .Arg(FormatName(environment.settings.value_format))
      .Arg(static_cast<int64_t>(LongestValue(environment.settings, key().size())));
  return WaitForScript(ScriptId::kAppend);
}

Step Translation::BeginCas(const memcache::Command& command, const Environment& environment,
                           Buffer* out) {
  const Expiry expiry = ResolveExpiry(command.exptime, environment.unix_ms / 1000);
  cas_ = environment.cas.Next();
  auto request = CallScript(ScriptId::kCas, 4, out);
  request.Arg(CasBytes(command.cas_unique).view());
  if (NeedsHeader(environment.settings.value_format, command.client_flags, 0, command.value)) {
    request.Arg({Header(command.client_flags, 0, cas_).view(), command.value});
  } else {
    request.Arg(command.value);
  }
  request.Arg(expiry.word()).Arg(expiry.seconds);
  return WaitForScript(ScriptId::kCas);
}

Step Translation::OnStorageReply(const redis::Reply& reply, const Environment& environment,
                                 Buffer* answer) {
  const auto stored = [&] { return Say(Outcome::kStored, memcache::kStored, answer); };
  const auto not_stored = [&] { return Say(Outcome::kNotStored, memcache::kNotStored, answer); };
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  if (verb_ == Verb::kCas) {
    if (reply.is_integer()) {
      if (reply.integer == 1) return Say(Outcome::kHit, memcache::kStored, answer);
      if (reply.integer == 0) return Say(Outcome::kMiss, memcache::kNotFound, answer);
      if (reply.integer == -1) return Say(Outcome::kBadValue, memcache::kExists, answer);
    } else if (reply.is_string() && reply.text.size() == 8) {
      return Say(Outcome::kHit, memcache::kStored, answer);
    }
  } else if (phase_ == Phase::kScript) {
    if (IsYesOrNo(reply)) return reply.integer == 1 ? stored() : not_stored();
  } else if (gone_) {
    if (IsYesOrNo(reply)) {
      const bool was_there = reply.integer > 0;
      if (verb_ == Verb::kAdd) return was_there ? not_stored() : stored();
      return was_there || verb_ == Verb::kSet ? stored() : not_stored();
    }
  } else if (reply.is_status() && reply.text == "OK") {
    return stored();
  } else if (reply.is_nil() && verb_ != Verb::kSet) {
    return not_stored();
  }
  return OnMisfit(environment, answer);
}

Step Translation::BeginArithmetic(const memcache::Command& command, const Environment& environment,
                                  Buffer* out) {
  cas_ = environment.cas.Next();
  char digits[20];
  char* const end = std::to_chars(digits, digits + sizeof digits, command.delta).ptr;
  CallScript(ScriptId::kArithmetic, 4, out)
      .Arg(verb_ == Verb::kIncr ? "+" : "-")
      .Arg(std::string_view(digits, end - digits))
      .Arg(CasBytes(cas_).view())
      .Arg(FormatName(environment.settings.value_format));
  return WaitForScript(ScriptId::kArithmetic);
}

Step Translation::OnArithmeticReply(const redis::Reply& reply, const Environment& environment,
                                    Buffer* answer) {
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  if (reply.is_string() && IsNumber(reply.text)) {
    if (!noreply_) {
      answer->Append(reply.text);
      answer->Append("\r\n");
    }
    return Done(Outcome::kHit);
  }
  if (reply.is_integer() && reply.integer == 0) {
    return Say(Outcome::kMiss, memcache::kNotFound, answer);
  }
  if (reply.is_integer() && reply.integer == -1) {
    return Say(Outcome::kRefused, memcache::kNonNumeric, answer);
  }
  return OnMisfit(environment, answer);
}

Step Translation::BeginTouch(const memcache::Command& command, const Environment& environment,
                             Buffer* out) {
  const Expiry expiry = ResolveExpiry(command.exptime, environment.unix_ms / 1000);
  redis::Encoder request(out);
  switch (expiry.kind) {
    case Expiry::Kind::kRelative:
    case Expiry::Kind::kAbsolute:
      request.Begin(3)
          .Arg(expiry.kind == Expiry::Kind::kRelative ? "EXPIRE" : "EXPIREAT")
          .Arg(redis_key_)
          .Arg(expiry.seconds);
      return Wait(Phase::kNative, 1, false);
    case Expiry::Kind::kGone:
      request.Request({"UNLINK", redis_key_});
      return Wait(Phase::kNative, 1, false);
    case Expiry::Kind::kKeep:
    case Expiry::Kind::kNever:
      break;
  }
  (void)CallScript(ScriptId::kPersist, 0, out);  // no arguments follow
  return WaitForScript(ScriptId::kPersist);
}

Step Translation::OnTouchReply(const redis::Reply& reply, const Environment& environment,
                               Buffer* answer) {
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  if (!IsYesOrNo(reply)) return OnMisfit(environment, answer);
  return reply.integer > 0 ? Say(Outcome::kHit, memcache::kTouched, answer)
                           : Say(Outcome::kMiss, memcache::kNotFound, answer);
}

}  // namespace mcrelay::translate
