// mg: read natively first; the script follows only when state must change.
//
//   v f s c k O q b u C    GET                                   -> answer
//   t l R                  MULTI [PTTL] [OBJECT IDLETIME] GET EXEC -> answer
//   T                      GETEX, inside MULTI when t, l ask for what was before
//   found stale without a token, TTL below R, h on an unfetched item, N on a miss
//                          -> the script meta_get, which looks again before it changes anything
//   T with h, R or N       the script at once: its changes are one step
//   T that is over         the same: there would be no second step on an item that is gone

#include <cassert>

#include "protocol/memcache/writer.h"
#include "protocol/translate/meta_hit.h"
#include "protocol/translate/requests.h"

namespace mcrelay::translate {

using memcache::Verb;

bool Translation::Precedes(char first, char second) const {
  const std::string_view order(meta_.order.data(), meta_.count);
  return order.find(first) < order.find(second);
}

Step Translation::BeginMetaGet(const Environment& environment, Buffer* out) {
  const bool touch = Has('T');
  const Expiry expiry = ResolveExpiry(meta_.ttl, environment.unix_ms / 1000);
  if (touch && (expiry.gone() || (Has('h') && !Has('u')) || Has('N') || Has('R'))) {
    return CallMetaGet(environment, true, out);
  }
  const bool debug = verb_ == Verb::kMetaDebug;
  const bool with_ttl = debug || Has('R') || (Has('t') && !Precedes('T', 't'));
  const bool with_idle = debug || Has('l');
  touched_ = touch;
  if (!with_ttl && !with_idle) {
    if (!touch) return Read();
    WriteGetEx(redis_key_, expiry, out);
    return Wait(Phase::kNative, 1, false);
  }
  // the idle time first: reading the value resets it
  redis::Encoder request(out);
  request.Request({"MULTI"});
  if (with_ttl) request.Request({"PTTL", redis_key_});
  if (with_idle) request.Request({"OBJECT", "IDLETIME", redis_key_});
  if (touch) {
    WriteGetEx(redis_key_, expiry, out);
  } else {
    request.Request({"GET", redis_key_});
  }
  request.Request({"EXEC"});
  return Wait(Phase::kMetadata, static_cast<uint8_t>(3 + with_ttl + with_idle), !touch);
}

Step Translation::OnMetaGetReply(const redis::Reply& reply, const Environment& environment,
                                 Buffer* out, Buffer* answer) {
  switch (phase_) {
    case Phase::kMetadata:
      return OnMetadata(reply, environment, out, answer);
    case Phase::kScript:
      return OnMetaGetScript(reply, environment, answer);
    default:
      return OnMetaItem(reply, environment, out, answer);
  }
}

Step Translation::OnMetadata(const redis::Reply& reply, const Environment& environment, Buffer* out,
                             Buffer* answer) {
  if (replies_ < waiting_.replies) {  // OK and QUEUED
    if (reply.is_error() && error_.empty()) error_ = reply.text;
    return StillWaiting();
  }
  if (!error_.empty()) return OnError(error_, environment, answer);
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  if (!reply.is_array() || reply.elements.size() + 2 != waiting_.replies) {
    return OnMisfit(environment, answer);
  }
  // The number of elements says which were asked for: both, or the one that the flags name.
  const auto& elements = reply.elements;
  const bool with_idle = verb_ == Verb::kMetaDebug || Has('l');
  const bool with_ttl = elements.size() == 3 || !with_idle;
  if (with_ttl) {
    if (!elements[0].is_integer()) return OnMisfit(environment, answer);
    ttl_ms_ = elements[0].integer;
  }
  // nil for a missing key, an error under an LFU policy
  if (with_idle && elements[with_ttl].is_integer()) idle_seconds_ = elements[with_ttl].integer;
  return OnMetaItem(elements.back(), environment, out, answer);
}

Step Translation::OnMetaItem(const redis::Reply& reply, const Environment& environment, Buffer* out,
                             Buffer* answer) {
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  if (!reply.is_string() && !reply.is_nil()) return OnMisfit(environment, answer);
  MetaHit hit{.ttl_ms = ttl_ms_, .idle_seconds = idle_seconds_};
  if (reply.is_nil() || DecodeItem(reply.text, &hit.item) == ItemStatus::kUnknown) {
    if (verb_ == Verb::kMetaGet && Has('N')) return CallMetaGet(environment, false, out);
    AnswerMissing(answer);
    return Done(Outcome::kMiss);
  }
  if (verb_ == Verb::kMetaDebug) {
    AnswerMetaDebug(hit, answer);
    return Done(Outcome::kHit);
  }
  if (ChangesState(hit.item, environment.unix_ms / 1000)) {
    return CallMetaGet(environment, false, out);
  }
  AnswerMetaHit(hit, environment, answer);
  return Done(Outcome::kHit);
}

bool Translation::ChangesState(const Item& item, int64_t unix_seconds) const {
  if (Has('h') && !Has('u') && (item.state & kFetched) == 0) return true;
  if ((item.state & kTokenSent) != 0) return false;
  if ((item.state & kStale) != 0) return true;
  return Has('R') && ttl_ms_ > 0 && ttl_ms_ <= RecacheLimitMs(unix_seconds);
}

// The longest TTL, in ms, at which R wins; 0 never, -1 always. Judged by what T said if T came
// first.
int64_t Translation::RecacheLimitMs(int64_t unix_seconds) const {
  if (!Has('R')) return 0;
  const int64_t below = ResolveExpiry(meta_.recache_ttl, unix_seconds).SecondsLeft(unix_seconds);
  if (Has('T') && Precedes('T', 'R')) {
    const int64_t left = ResolveExpiry(meta_.ttl, unix_seconds).SecondsLeft(unix_seconds);
    return left >= 0 && left < below ? -1 : 0;
  }
  return below > 0 ? (below - 1) * 1000 : 0;
}

// `touch`: T is still to be done, here.
Step Translation::CallMetaGet(const Environment& environment, bool touch, Buffer* out) {
  const int64_t now = environment.unix_ms / 1000;
  // a vivified item gets what comes last: N or T
  const bool vivify = Has('N');
  const bool touch_last = Has('T') && Precedes('N', 'T');
  const Expiry born = ResolveExpiry(touch_last ? meta_.ttl : meta_.vivify_ttl, now);
  const Expiry expiry = touch ? ResolveExpiry(meta_.ttl, now) : Expiry{Expiry::Kind::kKeep};
  cas_ = environment.cas.Next();
  written_cas_ = Has('E') && meta_.explicit_cas != 0 ? meta_.explicit_cas : cas_;
  const char state = static_cast<char>(Has('u') ? kTokenSent : kTokenSent | kFetched);
  CallScript(ScriptId::kMetaGet, 9, out)
      .Arg(CasBytes(written_cas_).view())
      .Arg(vivify ? born.word() : "")
      .Arg(born.seconds)
      .Arg(std::string_view(&state, 1))
      .Arg(expiry.word())
      .Arg(expiry.seconds)
      .Arg(RecacheLimitMs(now))
      .Arg(Has('h') && !Has('u') ? "h" : "")
      .Arg(touch && Has('l') ? "l" : "");
  return WaitForScript(ScriptId::kMetaGet);
}

Step Translation::OnMetaGetScript(const redis::Reply& reply, const Environment& environment,
                                  Buffer* answer) {
  MetaHit hit;
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  if (reply.is_integer() && reply.integer == 0) {
    AnswerMissing(answer);
    return Done(Outcome::kMiss);
  }
  if (reply.is_integer() && reply.integer == 1) {
    hit.vivified = hit.won = true;
    hit.item.tagged = true;
    hit.item.cas = written_cas_;
    AnswerMetaHit(hit, environment, answer);
    return Done(Outcome::kMiss);
  }
  const auto& elements = reply.elements;
  if (!reply.is_array() || elements.size() != 4 || !elements[0].is_string() ||
      DecodeItem(elements[0].text, &hit.item) == ItemStatus::kUnknown) {
    return OnMisfit(environment, answer);
  }
  // what a first step saw before it touched the item is what was there before this command
  hit.ttl_ms = touched_ ? ttl_ms_ : elements[1].integer;
  hit.idle_seconds = idle_seconds_ != 0 ? idle_seconds_ : elements[2].integer;
  hit.won = elements[3].integer == 1;
  AnswerMetaHit(hit, environment, answer);
  return Done(Outcome::kHit);
}

void Translation::AnswerMetaHit(const MetaHit& hit, const Environment& environment,
                                Buffer* answer) const {
  const Item& item = hit.item;
  const bool same = Has('C') && CasOf(item) == meta_.compare_cas;
  const bool with_value = Has('v') && !same;
  AppendMetaHead(with_value, item.value.size(), answer);
  const MetaFacts facts{.base64 = (item.state & kBase64Key) != 0,
                        .cas = Has('c') ? CasOf(item) : 0,
                        .value_bytes = item.value.size(),
                        .client_flags = item.flags,
                        .fetched = (item.state & kFetched) != 0,
                        .seconds_left = SecondsLeft(hit.ttl_ms),
                        .idle_seconds = hit.idle_seconds,
                        .created = hit.vivified};
  AppendMetaFlags(facts, FlagSet("Okcstfhl"), environment.unix_ms / 1000, answer);
  if ((item.state & kTokenSent) != 0) answer->Append(" Z");
  if ((item.state & kStale) != 0) answer->Append(" X");
  if (hit.won) answer->Append(" W");
  answer->Append("\r\n");
  if (with_value) {
    answer->Append(item.value);
    answer->Append("\r\n");
  }
}

}  // namespace mcrelay::translate
