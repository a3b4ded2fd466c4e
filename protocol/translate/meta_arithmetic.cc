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
  uint64_t cas = written_cas_;
  int64_t ttl_ms = -1;
  const bool created = reply.is_integer() && reply.integer == 1;
  if (reply.is_integer() && !created) {
    if (reply.integer == 0) return RefuseMeta(Outcome::kMiss, "NF", answer);
    if (reply.integer == -2) return RefuseMeta(Outcome::kBadValue, "EX", answer);
    if (reply.integer != -1) return OnMisfit(environment, answer);
    answer->Append(memcache::kNonNumeric);
    return Done(Outcome::kRefused);
  }
  if (!created) {
    if (!reply.is_array() || elements.size() != 3 || !IsNumber(elements[0].text) ||
        !elements[1].is_integer() || !elements[2].is_string()) {
      return OnMisfit(environment, answer);
    }
    number = elements[0].text;
    ttl_ms = elements[1].integer;
    cas = elements[2].text.size() == 8 ? ReadCas(elements[2].text) : BareCas(number);
  }
  const Outcome outcome = created ? Outcome::kMiss : Outcome::kHit;
  AnswerNumber({.number = number, .cas = cas, .ttl_ms = ttl_ms, .created = created}, environment,
               answer);
  return Done(outcome);
}

void Translation::AnswerNumber(const Counted& counted, const Environment& environment,
                               Buffer* answer) const {
  if (meta_.opaque_too_long) return answer->Append(memcache::kOpaqueTooLong);
  if (Has('q')) return;
  const int64_t now = environment.unix_ms / 1000;
  if (Has('v')) {
    answer->Append("VA ");
    answer->AppendNumber(counted.number.size());
  } else {
    answer->Append("HD");
  }
  int64_t left = SecondsLeft(counted.ttl_ms);
  for (int i = 0; i < meta_.count; ++i) {
    switch (meta_.order[i]) {
      case 'T':
        left = ResolveExpiry(meta_.ttl, now).SecondsLeft(now);
        break;
      case 'N':
        if (counted.created) left = ResolveExpiry(meta_.vivify_ttl, now).SecondsLeft(now);
        break;
      case 't':
        AppendNumberFlag('t', left, answer);
        break;
      case 'c':
        answer->Append(" c");
        answer->AppendNumber(counted.cas);
        break;
      case 'O':
        AppendOpaqueFlag(answer);
        break;
      case 'k':
        AppendKeyFlag(Has('b'), answer);
        break;
      default:
        break;
    }
  }
  answer->Append("\r\n");
  if (Has('v')) {
    answer->Append(counted.number);
    answer->Append("\r\n");
  }
}

}  // namespace mcrelay::translate
