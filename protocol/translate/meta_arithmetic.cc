// ma: the script arithmetic, which can also compare (C), create (N, J) and set a new expiry (T).

#include <charconv>

#include "protocol/memcache/answers.h"
#include "protocol/translate/meta_hit.h"
#include "protocol/translate/requests.h"

namespace mcrelay::translate {

namespace {

struct Digits {
  explicit Digits(uint64_t number) { end = std::to_chars(text, text + sizeof text, number).ptr; }
  [[nodiscard]] std::string_view view() const { return {text, static_cast<size_t>(end - text)}; }
  char text[20];
  char* end;
};

}  // namespace

Step Translation::BeginMetaArithmetic(const Environment& environment, Buffer* out) {
  const int64_t now = environment.unix_ms / 1000;
  const ValueFormat format = environment.settings.value_format;
  const bool touch_last = Has('T') && Precedes('N', 'T');
  const Expiry born = ResolveExpiry(touch_last ? meta_.ttl : meta_.vivify_ttl, now);
  const Expiry expiry = Has('T') ? ResolveExpiry(meta_.ttl, now) : Expiry{Expiry::Kind::kKeep};
  const bool chosen = Has('E') && meta_.explicit_cas != 0;
  const bool compares = Has('C') && meta_.compare_cas != 0;
  const Digits initial(meta_.initial);
  cas_ = environment.cas.Next();
  written_cas_ = chosen ? meta_.explicit_cas : cas_;
  auto request = CallScript(ScriptId::kArithmetic, 11, out);
  request.Arg(meta_.mode == '-' ? "-" : "+")
      .Arg(Digits(meta_.delta).view())
      .Arg(CasBytes(cas_).view())
      .Arg(FormatName(format))
      .Arg(compares ? CasBytes(meta_.compare_cas).view() : std::string_view())
      .Arg(chosen ? CasBytes(written_cas_).view() : std::string_view())
      .Arg(expiry.word())
      .Arg(expiry.seconds);
  if (!Has('N')) {
    request.Arg("");
  } else if (chosen || NeedsHeader(format, 0, 0, initial.view())) {
    request.Arg({Header(0, 0, written_cas_).view(), initial.view()});
  } else {
    written_cas_ = BareCas(initial.view());
    request.Arg(initial.view());
  }
  request.Arg(born.word()).Arg(born.seconds);
  return WaitForScript(ScriptId::kArithmetic);
}

Step Translation::OnMetaArithmeticReply(const redis::Reply& reply, const Environment& environment,
                                        Buffer* answer) {
  if (reply.is_error()) return OnError(reply.text, environment, answer);
  const auto& elements = reply.elements;
  const Digits initial(meta_.initial);
  std::string_view number = initial.view();
  MetaFacts facts{.base64 = Has('b'), .cas = written_cas_};
  if (reply.is_integer()) {
    switch (reply.integer) {
      case 1:
        facts.created = true;
        break;
      case 0:
        return RefuseMeta(Outcome::kMiss, "NF", answer);
      case -1:
        answer->Append(memcache::kNonNumeric);
        return Done(Outcome::kRefused);
      case -2:
        return RefuseMeta(Outcome::kBadValue, "EX", answer);
      default:
        return OnMisfit(environment, answer);
    }
  } else {
    if (!reply.is_array() || elements.size() != 3 || !IsNumber(elements[0].text) ||
        !elements[1].is_integer() || !elements[2].is_string()) {
      return OnMisfit(environment, answer);
    }
    number = elements[0].text;
    facts.seconds_left = SecondsLeft(elements[1].integer);
    facts.cas = elements[2].text.size() == 8 ? ReadCas(elements[2].text) : BareCas(number);
  }
  AnswerNumber(number, facts, environment, answer);
  return Done(facts.created ? Outcome::kMiss : Outcome::kHit);
}

void Translation::AnswerNumber(std::string_view number, const MetaFacts& facts,
                               const Environment& environment, Buffer* answer) const {
  if (meta_.opaque_too_long) return answer->Append(memcache::kOpaqueTooLong);
  if (Has('q')) return;
  AppendMetaHead(Has('v'), number.size(), answer);
  AppendMetaFlags(facts, FlagSet("Okct"), environment.unix_ms / 1000, answer);
  answer->Append("\r\n");
  if (Has('v')) {
    answer->Append(number);
    answer->Append("\r\n");
  }
}

}  // namespace mcrelay::translate
