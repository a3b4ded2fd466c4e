#include <doctest/doctest.h>

#include "daemon/backend/removals.h"

namespace mcrelay::backend {

TEST_CASE("removals: what is pending can be listed and forgotten when its keys live elsewhere") {
  Removals removals;
  REQUIRE(removals.Add("a", 5, 10, config::OnOverflow::kFlush));
  REQUIRE(removals.Add("b", 7, 10, config::OnOverflow::kFlush));
  auto keys = removals.Keys();
  REQUIRE(keys.size() == 2);
  for (const auto& [key, cas] : keys) CHECK(cas == (key == "a" ? 5 : 7));

  removals.Forget("a");
  CHECK_FALSE(removals.Hides("a"));
  CHECK(removals.Hides("b"));
  CHECK(removals.any());
  removals.Forget("b");
  removals.Forget("never there");
  CHECK_FALSE(removals.any());
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
