#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
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

TEST_CASE("removals: what an overflow hides ends with a flush that no older write can follow") {
  Removals removals;
  REQUIRE_FALSE(removals.Add("a", 5, 0, config::OnOverflow::kMiss));
  CHECK(removals.Hides("anything"));
  removals.Flushed(removals.Quiet());
  CHECK_FALSE(removals.any());

  removals.HideAll();
  const uint64_t quiet = removals.Quiet();
  const auto old = removals.Retire({});
  removals.Flushed(quiet);  // something may still come on the old connection
  CHECK(removals.Hides("anything"));
  old->OnClosed();
  const auto claims = removals.Take(10);
  REQUIRE(claims.size() == 1);
  CHECK(claims.front().key.empty());
  CHECK(removals.Done(claims.front()));
  CHECK_FALSE(removals.Hides("anything"));
}

TEST_CASE("removals: an overflow during a flush outlives that flush, one before it does not") {
  Removals removals;
  removals.AddFlush();
  REQUIRE_FALSE(removals.Add("a", 5, 0, config::OnOverflow::kMiss));
  auto claims = removals.Take(10);
  REQUIRE(claims.size() == 1);
  CHECK(removals.Done(claims.front()));
  CHECK_FALSE(removals.Hides("anything"));

  removals.AddFlush();
  claims = removals.Take(10);
  REQUIRE(claims.size() == 1);
  REQUIRE_FALSE(removals.Add("b", 6, 0, config::OnOverflow::kMiss));
  CHECK_FALSE(removals.Done(claims.front()));
  CHECK(removals.Hides("anything"));
}

TEST_CASE("removals: that the other side closed it is no end of a connection the server can kill") {
  Removals removals;
  const auto known = removals.Retire({7, "127.0.0.1:1"});
  known->OnClosed();
  CHECK_FALSE(known->ended());
  CHECK(removals.Quiet() == 0);
  CHECK(removals.OldConnections().size() == 1);
  CHECK(removals.HasChores());
  known->OnKillRefused();
  CHECK(known->ended());
  CHECK_FALSE(removals.HasChores());

  const auto refused_first = removals.Retire({8, "127.0.0.1:2"});
  refused_first->OnKillRefused();
  CHECK_FALSE(refused_first->ended());
  refused_first->OnClosed();
  CHECK(refused_first->ended());

  const auto dropped = removals.Retire({10, "127.0.0.1:4"});
  dropped->OnClosed();
  for (int i = 0; i < 7; ++i) dropped->OnKillLost();
  CHECK_FALSE(dropped->ended());
  dropped->OnKillLost();
  CHECK(dropped->ended());

  const auto killed = removals.Retire({9, "127.0.0.1:3"});
  killed->OnKilled();
  CHECK(killed->ended());
  CHECK(removals.OldConnections().empty());
}

TEST_CASE("removals: a pending flush is taken over once") {
  Removals removals;
  CHECK_FALSE(removals.HandOverWhole().flush);
  removals.AddFlush();
  CHECK(removals.Hides("anything"));
  const Removals::Whole whole = removals.HandOverWhole();
  CHECK(whole.flush);
  CHECK_FALSE(whole.hides_all);
  CHECK(removals.Hides("anything"));  // for workers that do not know yet
  CHECK(removals.Take(10).empty());
  CHECK_FALSE(removals.HandOverWhole().flush);
  removals.ForgetHanded();
  CHECK_FALSE(removals.any());
  CHECK_FALSE(removals.HandOverWhole().flush);

  // One that is asked for meanwhile is another one.
  removals.AddFlush();
  CHECK(removals.HandOverWhole().flush);
  removals.AddFlush();
  removals.ForgetHanded();
  CHECK(removals.Take(10).size() == 1);
  CHECK(removals.HandOverWhole().flush);
  removals.ForgetHanded();

  removals.HideAll();
  CHECK(removals.any());
  CHECK(removals.Hides("anything"));
  CHECK(removals.HandOverWhole().hides_all);
  CHECK(removals.Hides("anything"));
  removals.ForgetHanded();
  CHECK_FALSE(removals.any());
}

TEST_CASE("removals: what is under way is taken once, and again when it failed or became older") {
  constexpr auto kFlush = config::OnOverflow::kFlush;
  Removals removals;
  for (const char* key : {"a", "b", "c"}) REQUIRE(removals.Add(key, 5, 10, kFlush));
  const auto two = removals.Take(2);
  REQUIRE(two.size() == 2);
  const auto last = removals.Take(10);
  REQUIRE(last.size() == 1);
  CHECK(removals.Take(10).empty());
  for (const char* key : {"a", "b", "c"}) CHECK(removals.Hides(key));
  CHECK(removals.size() == 3);

  removals.GiveBack(two[0]);
  auto again = removals.Take(10);
  REQUIRE(again.size() == 1);
  CHECK(again.front().key == two[0].key);
  CHECK_FALSE(removals.Done(again.front()));

  // Another failure while its removal is under way: that removal does not settle it.
  REQUIRE(removals.Add(two[1].key, 9, 10, kFlush));
  CHECK_FALSE(removals.Done(two[1]));
  CHECK(removals.Hides(two[1].key));
  again = removals.Take(10);
  REQUIRE(again.size() == 1);
  CHECK(again.front().cas == 9);
  CHECK_FALSE(removals.Done(again.front()));
  CHECK(removals.Done(last.front()));
  CHECK_FALSE(removals.any());
}

TEST_CASE("removals: taking the last of many costs what taking the first costs") {
  constexpr size_t kKeys = 100'000;
  constexpr size_t kRound = 500;
  Removals removals;
  for (size_t i = 0; i < kKeys; ++i) {
    REQUIRE(removals.Add("key:" + std::to_string(i), 5, kKeys, config::OnOverflow::kFlush));
  }
  // The fastest of some rounds: what else runs on the machine only ever adds.
  const auto fastest = [&] {
    auto best = std::chrono::nanoseconds::max();
    for (int round = 0; round < 40; ++round) {
      const auto begun = std::chrono::steady_clock::now();
      REQUIRE(removals.Take(kRound).size() == kRound);
      best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begun);
    }
    return best;
  };
  const auto first = fastest();
  for (int round = 0; round < 120; ++round) REQUIRE(removals.Take(kRound).size() == kRound);
  CHECK(fastest() < 10 * first);
  CHECK(removals.Take(1).empty());
}

}  // namespace mcrelay::backend
