#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "daemon/backend/removals.h"

namespace mcrelay::backend {

TEST_CASE("removals: what is pending is handed over once to the node where its key lives now") {
  constexpr auto kFlush = config::OnOverflow::kFlush;
  Removals before;
  Removals after;
  REQUIRE(before.Add("a", 5, 10, kFlush));
  REQUIRE(before.Add("b", 7, 10, kFlush));
  REQUIRE(before.Keys().size() == 2);
  before.HandOver("a", &after, 10, kFlush);
  before.HandOver("never there", &after, 10, kFlush);
  CHECK(before.Keys() == std::vector<std::string>{"b"});
  CHECK(after.Hides("a"));
  CHECK(before.Hides("a"));  // for workers that do not know yet

  // It is done there: another worker that hands over, too, must not bring it back.
  const auto claims = after.Take(10);
  REQUIRE(claims.size() == 1);
  CHECK(claims.front().cas == 5);
  CHECK(after.Done(claims.front()));
  before.HandOver("a", &after, 10, kFlush);
  CHECK_FALSE(after.any());

  // What fails afterwards is pending anew.
  REQUIRE(before.Add("a", 9, 10, kFlush));
  CHECK(before.Keys().size() == 2);
  before.HandOver("a", &after, 10, kFlush);
  CHECK(after.Hides("a"));

  before.ForgetHanded();
  CHECK_FALSE(before.Hides("a"));
  CHECK(before.Hides("b"));
  before.HandOver("b", &after, 10, kFlush);
  before.ForgetHanded();
  CHECK_FALSE(before.any());
}

TEST_CASE("removals: a pending flush is taken over once") {
  Removals removals;
  CHECK_FALSE(removals.TakeWhole().flush);
  removals.AddFlush();
  CHECK(removals.Hides("anything"));
  const Removals::Whole whole = removals.TakeWhole();
  CHECK(whole.flush);
  CHECK_FALSE(whole.hides_all);
  CHECK_FALSE(removals.any());
  CHECK_FALSE(removals.TakeWhole().flush);

  removals.HideAll();
  CHECK(removals.any());
  CHECK(removals.Hides("anything"));
  CHECK(removals.TakeWhole().hides_all);
  CHECK_FALSE(removals.any());
}

}  // namespace mcrelay::backend
