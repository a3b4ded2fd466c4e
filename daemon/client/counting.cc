#include "daemon/client/counting.h"

namespace mcrelay::client {

using memcache::Verb;
using stats::Counter;
using translate::Outcome;

namespace {

void CountHit(bool hit, Counter hits, Counter misses, stats::Counters* counters) {
  counters->Add(hit ? hits : misses);
}

}  // namespace

void Count(Verb verb, Outcome outcome, stats::Counters* counters) {
  const bool hit = outcome == Outcome::kHit;
  switch (verb) {
    case Verb::kGat:
    case Verb::kGats:
      counters->Add(Counter::kCmdTouch);
      CountHit(hit, Counter::kTouchHits, Counter::kTouchMisses, counters);
      [[fallthrough]];
    case Verb::kGet:
    case Verb::kGets:
      counters->Add(Counter::kCmdGet);
      CountHit(hit, Counter::kGetHits, Counter::kGetMisses, counters);
      break;
    case Verb::kMetaGet:
      counters->Add(Counter::kCmdMeta);
      counters->Add(Counter::kCmdGet);
      CountHit(hit, Counter::kGetHits, Counter::kGetMisses, counters);
      break;
    case Verb::kCas:
      counters->Add(Counter::kCmdSet);
      if (outcome == Outcome::kBadValue) {
        counters->Add(Counter::kCasBadval);
      } else {
        CountHit(hit, Counter::kCasHits, Counter::kCasMisses, counters);
      }
      break;
    case Verb::kMetaSet:
      counters->Add(Counter::kCmdMeta);
      [[fallthrough]];
    case Verb::kSet:
    case Verb::kAdd:
    case Verb::kReplace:
    case Verb::kAppend:
    case Verb::kPrepend:
      counters->Add(Counter::kCmdSet);
      break;
    case Verb::kIncr:
    case Verb::kMetaArithmetic:
      CountHit(hit, Counter::kIncrHits, Counter::kIncrMisses, counters);
      break;
    case Verb::kDecr:
      CountHit(hit, Counter::kDecrHits, Counter::kDecrMisses, counters);
      break;
    case Verb::kDelete:
    case Verb::kMetaDelete:
      CountHit(hit, Counter::kDeleteHits, Counter::kDeleteMisses, counters);
      break;
    case Verb::kTouch:
      counters->Add(Counter::kCmdTouch);
      CountHit(hit, Counter::kTouchHits, Counter::kTouchMisses, counters);
      break;
    default:
      break;
  }
}

}  // namespace mcrelay::client
