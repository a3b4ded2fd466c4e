#include "daemon/client/counting.h"

#include <array>

#include "protocol/memcache/answers.h"

namespace mcrelay::client {

using memcache::Verb;
using stats::Counter;
using translate::Outcome;

namespace {

void CountHit(bool hit, Counter hits, Counter misses, stats::Counters* counters) {
  counters->Add(hit ? hits : misses);
}

// T alone decides what a hit counts as; a miss that N fills counts as a hit.
void CountMetaGet(const memcache::MetaFlags& flags, Outcome outcome, stats::Counters* counters) {
  const bool created = outcome == Outcome::kMiss && flags.Has('N');
  if (created) counters->Add(Counter::kTotalItems);
  const bool hit = created || outcome == Outcome::kHit;
  if (hit && flags.Has('T')) {
    counters->Add(Counter::kCmdTouch);
    counters->Add(Counter::kTouchHits);
    return;
  }
  counters->Add(Counter::kCmdGet);
  CountHit(hit, Counter::kGetHits, Counter::kGetMisses, counters);
}

void CountStore(Outcome outcome, bool compares, stats::Counters* counters) {
  if (outcome == Outcome::kRefused) return;  // too large
  counters->Add(Counter::kCmdSet);
  const bool stored = outcome == Outcome::kStored || outcome == Outcome::kHit;
  if (stored) counters->Add(Counter::kTotalItems);
  if (!compares) return;
  if (outcome == Outcome::kBadValue) {
    counters->Add(Counter::kCasBadval);
  } else {
    CountHit(stored, Counter::kCasHits, Counter::kCasMisses, counters);
  }
}

void CountArithmetic(bool decrements, bool creates, Outcome outcome, stats::Counters* counters) {
  const bool hit = outcome == Outcome::kHit;
  if (outcome == Outcome::kRefused || outcome == Outcome::kBadValue) return;
  if (!hit && creates) {
    counters->Add(Counter::kTotalItems);
  } else if (decrements) {
    CountHit(hit, Counter::kDecrHits, Counter::kDecrMisses, counters);
  } else {
    CountHit(hit, Counter::kIncrHits, Counter::kIncrMisses, counters);
  }
}

}  // namespace

// As memcached 1.6.18 counts, measured.
void Count(const translate::Translation& translation, Outcome outcome, stats::Counters* counters) {
  const bool hit = outcome == Outcome::kHit;
  const memcache::MetaFlags& flags = translation.meta();
  if (translation.verb() >= Verb::kMetaGet) counters->Add(Counter::kMetaCommands);
  switch (translation.verb()) {
    case Verb::kGet:
    case Verb::kGets:
      counters->Add(Counter::kCmdGet);
      CountHit(hit, Counter::kGetHits, Counter::kGetMisses, counters);
      break;
    case Verb::kGat:
    case Verb::kGats:
    case Verb::kTouch:
      counters->Add(Counter::kCmdTouch);
      CountHit(hit, Counter::kTouchHits, Counter::kTouchMisses, counters);
      break;
    case Verb::kMetaGet:
      CountMetaGet(flags, outcome, counters);
      break;
    case Verb::kSet:
    case Verb::kAdd:
    case Verb::kReplace:
    case Verb::kAppend:
    case Verb::kPrepend:
      CountStore(outcome, false, counters);
      break;
    case Verb::kCas:
      CountStore(outcome, true, counters);
      break;
    case Verb::kMetaSet:
      CountStore(outcome, flags.Has('C'), counters);
      break;
    case Verb::kIncr:
    case Verb::kDecr:
      CountArithmetic(translation.verb() == Verb::kDecr, false, outcome, counters);
      break;
    case Verb::kMetaArithmetic:
      CountArithmetic(flags.mode == '-', flags.Has('N'), outcome, counters);
      break;
    case Verb::kDelete:
      CountHit(hit, Counter::kDeleteHits, Counter::kDeleteMisses, counters);
      break;
    case Verb::kMetaDelete:
      if (hit && !flags.Has('I') && !flags.Has('x')) counters->Add(Counter::kDeleteHits);
      if (!hit) counters->Add(Counter::kDeleteMisses);
      break;
    case Verb::kMetaDebug:
      counters->Add(Counter::kCmdMeta);
      break;
    default:
      break;
  }
}

stats::Command LatencyOf(Verb verb) {
  using stats::Command;
  // In the order of Verb.
  static constexpr std::array<Command, 19> kCommands = {
      Command::kGet,      Command::kGet,        Command::kGat,
      Command::kGat,      Command::kSet,        Command::kAdd,
      Command::kReplace,  Command::kAppend,     Command::kPrepend,
      Command::kCas,      Command::kIncr,       Command::kDecr,
      Command::kDelete,   Command::kTouch,      Command::kMetaGet,
      Command::kMetaSet,  Command::kMetaDelete, Command::kMetaArithmetic,
      Command::kMetaDebug};
  static_assert(static_cast<size_t>(Verb::kMetaDebug) + 1 == kCommands.size());
  return kCommands[static_cast<size_t>(verb)];
}

// Classic commands only, as in memcached.
void CountPrefix(const translate::Translation& translation, Outcome outcome,
                 stats::Prefixes* prefixes) {
  using Kind = stats::Prefixes::Kind;
  const Verb verb = translation.verb();
  const std::string_view key = translation.key();
  if (verb <= Verb::kGats) {
    prefixes->Count(key, outcome == Outcome::kHit ? Kind::kHit : Kind::kMiss);
  } else if (verb <= Verb::kCas) {
    prefixes->Count(key, Kind::kSet);
  } else if (verb == Verb::kDelete) {
    prefixes->Count(key, Kind::kDelete);
  }
}

void CountRefused(Verb verb, std::string_view error, stats::Counters* counters) {
  counters->Add(Counter::kProtocolErrors);
  if (error == memcache::kBadDataChunk) counters->Add(Counter::kCmdSet);
  if (error == memcache::kBadExptime && verb == Verb::kFlushAll) {
    counters->Add(Counter::kCmdFlush);
  }
}

}  // namespace mcrelay::client
