#include "protocol/translate/expiry.h"

#include <doctest/doctest.h>

#include "protocol/translate/cas_source.h"

namespace mcrelay::translate {
namespace {

constexpr int64_t kNow = 1'800'000'000;
constexpr int64_t kThirtyDays = 2'592'000;
using Kind = Expiry::Kind;

TEST_CASE("expiry: 0 never, negative at once, 30 days relative, above that a time of day") {
  CHECK(ResolveExpiry(0, kNow).kind == Kind::kNever);
  CHECK(ResolveExpiry(-1, kNow).kind == Kind::kGone);
  CHECK(ResolveExpiry(INT64_MIN, kNow).kind == Kind::kGone);
  for (const int64_t seconds : {int64_t{1}, kThirtyDays}) {
    CHECK(ResolveExpiry(seconds, kNow).kind == Kind::kRelative);
    CHECK(ResolveExpiry(seconds, kNow).seconds == seconds);
  }
  CHECK(ResolveExpiry(kThirtyDays + 1, kNow).kind == Kind::kGone);
  CHECK(ResolveExpiry(kNow, kNow).kind == Kind::kGone);
  CHECK(ResolveExpiry(kNow + 1, kNow).kind == Kind::kAbsolute);
  CHECK(ResolveExpiry(kNow + 1, kNow).seconds == kNow + 1);
  CHECK(ResolveExpiry(INT64_MAX, kNow).kind == Kind::kAbsolute);
  CHECK(ResolveExpiry(INT64_MAX, kNow).seconds <= INT64_MAX / 1000);
}

TEST_CASE("expiry: seconds left are counted as t prints them") {
  CHECK(ResolveExpiry(0, kNow).SecondsLeft(kNow) == -1);
  CHECK(ResolveExpiry(50, kNow).SecondsLeft(kNow) == 50);
  CHECK(ResolveExpiry(kNow + 70, kNow).SecondsLeft(kNow) == 70);
  CHECK(ResolveExpiry(-1, kNow).SecondsLeft(kNow) == 0);
}

uint64_t test_ticks = 0;
uint64_t TestClock() { return test_ticks; }

TEST_CASE("cas source: uniques grow strictly, also while the clock stands or steps back") {
  test_ticks = uint64_t{kNow} * 16'000'000;
  CasSource source(&TestClock, 9);
  uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    if (i == 300) test_ticks -= 5'000;
    if (i == 600) test_ticks += 50'000'000;
    const uint64_t next = source.Next();
    CHECK(next > last);
    CHECK(next < uint64_t{1} << 63);
    CHECK((next & 0xff) == 9);
    last = next;
  }
}

TEST_CASE("cas source: two writers in the same tick give different uniques") {
  test_ticks = uint64_t{kNow} * 16'000'000;
  CasSource one(&TestClock, 1);
  CasSource two(&TestClock, 2);
  CHECK(one.Next() != two.Next());
}

}  // namespace
}  // namespace mcrelay::translate
