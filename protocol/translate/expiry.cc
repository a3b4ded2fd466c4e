#include "protocol/translate/expiry.h"

namespace mcrelay::translate {
namespace {

constexpr int64_t kLongestRelative = 60 * 60 * 24 * 30;
// Redis refuses times whose milliseconds do not fit 63 bits; no one will see the difference.
constexpr int64_t kLatest = INT64_MAX / 2000;

}  // namespace

Expiry ResolveExpiry(int64_t exptime, int64_t unix_seconds) {
  if (exptime == 0) return {Expiry::Kind::kNever, 0};
  if (exptime < 0) return {Expiry::Kind::kGone, 0};
  if (exptime <= kLongestRelative) return {Expiry::Kind::kRelative, exptime};
  if (exptime <= unix_seconds) return {Expiry::Kind::kGone, 0};
  return {Expiry::Kind::kAbsolute, exptime < kLatest ? exptime : kLatest};
}

std::string_view Expiry::word() const {
  switch (kind) {
    case Kind::kKeep:
      return "KEEP";
    case Kind::kNever:
      return "PERSIST";
    case Kind::kRelative:
      return "EX";
    case Kind::kAbsolute:
      return "EXAT";
    case Kind::kGone:
      break;
  }
  return "GONE";
}

int64_t Expiry::SecondsLeft(int64_t unix_seconds) const {
  switch (kind) {
    case Kind::kRelative:
      return seconds;
    case Kind::kAbsolute:
      return seconds > unix_seconds ? seconds - unix_seconds : 0;
    case Kind::kGone:
      return 0;
    case Kind::kKeep:
    case Kind::kNever:
      break;
  }
  return -1;
}

}  // namespace mcrelay::translate
