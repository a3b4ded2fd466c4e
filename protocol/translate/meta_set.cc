// ms: one SET where that says it all; the script cas with C, the script append for modes A and P.

#include "protocol/memcache/answers.h"
#include "protocol/translate/meta_hit.h"
#include "protocol/translate/requests.h"

namespace mcrelay::translate {

namespace {

uint8_t StateFor(const memcache::MetaFlags& meta) { return meta.Has('b') ? kBase64Key : 0; }

}  // namespace

Step Translation::BeginMetaSet(const memcache::Command& command, const Environment& environment,
                               Buffer* out) {
  cas_ = environment.cas.Next();
  written_cas_ = Has('E') && meta_.explicit_cas != 0 ? meta_.explicit_cas : cas_;
  value_bytes_ = command.value.size();
  switch (meta_.mode) {
    case 'A':
    case 'P':
      return BeginMetaAppend(command, environment, out);
    case 'E':  // adds whatever C says
      return BeginMetaStore(command, environment, out);
    default:
      return Has('C') ? BeginMetaCas(command, environment, out)
                      : BeginMetaStore(command, environment, out);
  }
}

Step Translation::BeginMetaStore(const memcache::Command& command, const Environment& environment,
                                 Buffer* out) {
  const Expiry expiry = ResolveExpiry(meta_.ttl, environment.unix_ms / 1000);
  const bool add = meta_.mode == 'E';
  gone_ = expiry.gone();
  if (gone_) {
    redis::Encoder(out).Request({add ? "EXISTS" : "UNLINK", redis_key_});
    return Wait(Phase::kNative, 1, add);
  }
  const std::string_view condition = add ? "NX" : meta_.mode == 'R' ? "XX" : "";
  const uint8_t state = StateFor(meta_);
  if (Has('E') ||
      NeedsHeader(environment.settings.value_format, meta_.client_flags, state, command.value)) {
    const Header header(meta_.client_flags, state, written_cas_);
    WriteSet(redis_key_, header.view(), command.value, expiry, condition, out);
  } else {
    if (Has('c')) written_cas_ = BareCas(command.value);
    WriteSet(redis_key_, {}, command.value, expiry, condition, out);
  }
  return Wait(Phase::kNative, 1, false);
}

Step Translation::BeginMetaCas(const memcache::Command& command, const Environment& environment,
                               Buffer* out) {
  const Expiry expiry = ResolveExpiry(meta_.ttl, environment.unix_ms / 1000);
  const uint8_t state = StateFor(meta_);
  const Header header(meta_.client_flags, state, written_cas_);
  const Header stale(meta_.client_flags, state | kStale, written_cas_);
  auto request = CallScript(ScriptId::kCas, 6, out);
  request.Arg(CasBytes(meta_.compare_cas).view());
  if (Has('E') ||
      NeedsHeader(environment.settings.value_format, meta_.client_flags, state, command.value)) {
    request.Arg({header.view(), command.value});
  } else {
    if (Has('c')) written_cas_ = BareCas(command.value);
    request.Arg(command.value);
  }
  request.Arg(expiry.word()).Arg(expiry.seconds);
  request.Arg(Has('E') && meta_.explicit_cas != 0 ? "E" : "");
  request.Arg(Has('I') ? stale.view() : std::string_view());
  return WaitForScript(ScriptId::kCas);
}

Step Translation::BeginMetaAppend(const memcache::Command& command, const Environment& environment,
                                  Buffer* out) {
  const Settings& settings = environment.settings;
  const Expiry born = ResolveExpiry(meta_.vivify_ttl, environment.unix_ms / 1000);
  const bool compares = Has('C') && meta_.compare_cas != 0;
  const bool chosen = Has('E') && meta_.explicit_cas != 0;
  auto request = CallScript(ScriptId::kAppend, 10, out);
  request.Arg(meta_.mode == 'A' ? "append" : "prepend")
      .Arg(command.value)
      .Arg(CasBytes(cas_).view())
      .Arg(FormatName(settings.value_format))
      .Arg(static_cast<int64_t>(LongestValue(settings, key().size())))
      .Arg(compares ? CasBytes(meta_.compare_cas).view() : std::string_view())
      .Arg(chosen ? CasBytes(written_cas_).view() : std::string_view());
  const uint8_t state = StateFor(meta_);
  if (!Has('N')) {
    request.Arg("");
  } else if (chosen ||
             NeedsHeader(settings.value_format, meta_.client_flags, state, command.value)) {
    request.Arg({Header(meta_.client_flags, state, written_cas_).view(), command.value});
  } else {
    if (Has('c')) written_cas_ = BareCas(command.value);
    request.Arg(command.value);
  }
  request.Arg(born.word()).Arg(born.seconds);
  return WaitForScript(ScriptId::kAppend);
}

Step Translation::OnMetaSetReply(const redis::Reply& reply, const Environment& environment,
                                 Buffer* answer) {
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  const auto not_stored = [&] { return RefuseMeta(Outcome::kNotStored, "NS", answer); };
  const auto& elements = reply.elements;
  if (phase_ == Phase::kNative && gone_) {
    if (!IsYesOrNo(reply)) return OnMisfit(environment, answer);
    const bool was_there = reply.integer > 0;
    const bool stored = meta_.mode == 'E' ? !was_there : was_there || meta_.mode != 'R';
    return stored ? AnswerMetaStored(answer) : not_stored();
  }
  if (phase_ == Phase::kNative) {
    if (reply.is_status() && reply.text == "OK") return AnswerMetaStored(answer);
    if (reply.is_nil() && (meta_.mode == 'E' || meta_.mode == 'R')) return not_stored();
    return OnMisfit(environment, answer);
  }
  if (reply.is_integer() && reply.integer == -1) {
    return RefuseMeta(Outcome::kBadValue, "EX", answer);
  }
  if (meta_.mode == 'A' || meta_.mode == 'P') {
    if (reply.is_integer() && reply.integer == 0) return not_stored();
    if (reply.is_array() && elements.size() == 2 && elements[0].is_integer() &&
        elements[1].is_string()) {
      value_bytes_ = static_cast<size_t>(elements[0].integer);
      if (elements[1].text.size() == 8) written_cas_ = ReadCas(elements[1].text);
      return AnswerMetaStored(answer);
    }
  } else if (reply.is_integer() && reply.integer == 1) {
    return AnswerMetaStored(answer);
  } else if (reply.is_integer() && reply.integer == 0) {
    return RefuseMeta(Outcome::kMiss, "NF", answer);
  } else if (reply.is_string() && reply.text.size() == 8) {
    written_cas_ = ReadCas(reply.text);
    return AnswerMetaStored(answer);
  }
  return OnMisfit(environment, answer);
}

Step Translation::AnswerMetaStored(Buffer* answer) const {
  if (Has('q')) return Done(Outcome::kStored);
  const MetaFacts facts{.base64 = Has('b'), .cas = written_cas_, .value_bytes = value_bytes_};
  answer->Append("HD");
  AppendMetaFlags(facts, FlagSet("Okcs"), 0, answer);
  answer->Append("\r\n");
  return Done(Outcome::kStored);
}

}  // namespace mcrelay::translate
