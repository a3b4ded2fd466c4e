// md: UNLINK; with C, I or x the script meta_delete.

#include "protocol/translate/requests.h"
#include "protocol/translate/translation.h"

namespace mcrelay::translate {

Step Translation::BeginMetaDelete(const Environment& environment, Buffer* out) {
  cas_ = environment.cas.Next();
  if (!Has('C') && !Has('I') && !Has('x')) {
    redis::Encoder(out).Request({"UNLINK", redis_key_});
    return Wait(Phase::kNative, 1, false);
  }
  const Expiry expiry =
      Has('T') ? ResolveExpiry(meta_.ttl, environment.unix_ms / 1000) : Expiry{Expiry::Kind::kKeep};
  const Header emptied(Has('F') ? meta_.client_flags : 0, 0, 0);
  const bool chosen = Has('E') && meta_.explicit_cas != 0;
  CallScript(ScriptId::kMetaDelete, 9, out)
      .Arg(Has('C') ? CasBytes(meta_.compare_cas).view() : std::string_view())
      .Arg(CasBytes(cas_).view())
      .Arg(chosen ? CasBytes(meta_.explicit_cas).view() : std::string_view())
      .Arg(Has('I') ? "I" : "")
      .Arg(Has('x') ? "x" : "")
      .Arg(expiry.word())
      .Arg(expiry.seconds)
      .Arg(emptied.view().substr(4, 4))
      .Arg(FormatName(environment.settings.value_format));
  return WaitForScript(ScriptId::kMetaDelete);
}

Step Translation::OnMetaDeleteReply(const redis::Reply& reply, const Environment& environment,
                                    Buffer* answer) {
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  if (reply.is_integer() && reply.integer == -1 && phase_ == Phase::kScript) {
    return RefuseMeta(Outcome::kBadValue, "EX", answer);
  }
  if (!IsYesOrNo(reply)) return OnMisfit(environment, answer);
  if (reply.integer == 0) return RefuseMeta(Outcome::kMiss, "NF", answer);
  if (!Has('q')) AppendMetaRefusal("HD", answer);
  return Done(Outcome::kHit);
}

}  // namespace mcrelay::translate
