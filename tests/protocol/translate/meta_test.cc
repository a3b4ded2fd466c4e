// The meta commands against a real redis-server, in both value formats. The exchanges are memcached
// 1.6.45's; CAS uniques are shown as C.

#include <doctest/doctest.h>

#include <chrono>
#include <regex>
#include <thread>

#include "tests/protocol/translate/both_formats.h"

namespace mcrelay::testing {
namespace {

using translate::ValueFormat;

// `answer` with every CAS unique above 99 as C (tests choose small ones with E).
std::string Masked(const std::string& answer) {
  static const std::regex cas(" c[0-9]{3,}");
  return std::regex_replace(answer, cas, " cC");
}

// The first CAS unique of `answer`.
std::string CasIn(const std::string& answer) {
  static const std::regex cas(" c([0-9]+)");
  std::smatch match;
  REQUIRE(std::regex_search(answer, match, cas));
  return match[1];
}

TEST_CASE("meta get: return flags come in the order asked, misses are EN") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("mg a v\r\nmg a q\r\nmg a k Oab c v\r\nmg a q k\r\n") ==
          "EN\r\nEN ka Oab\r\n");
    relay.Send("set a 7 100 3\r\nabc\r\n");
    CHECK(Masked(relay.Send("mg a\r\nmg a v\r\nmg a s f v c k O1 t\r\nmg a t k q\r\n")) ==
          "HD\r\nVA 3\r\nabc\r\nVA 3 s3 f7 cC ka O1 t100\r\nabc\r\nHD t100 ka\r\n");
    CHECK(relay.Send("gets a\r\n") ==
          "VALUE a 7 3 " + CasIn(relay.Send("mg a c\r\n")) + "\r\nabc\r\nEND\r\n");
  });
}

TEST_CASE("meta get: what needs nothing but the item is one GET") {
  InBothFormats([](Relay& relay) {
    relay.Send("set a 7 100 3\r\nabc\r\n");
    relay.TakeRequests();
    for (const std::string flags :
         {"", " v", " v f s c k O1 q", " v u", " v C5", " N30 v", " v b"}) {
      CAPTURE(flags);
      memcache::Command command;
      const std::string key = flags == " v b" ? "YWFh" : "a";
      const std::string line = "mg " + key + flags + "\r\n";
      CHECK(memcache::Parse(line, {}, false, 0, &command).status ==
            memcache::ParseStatus::kCommand);
      CHECK(translate::Translation::StartsWithRead(command));
      relay.Send(line);
      CHECK(relay.TakeRequests() == 1);
    }
    for (const std::string flags : {"t", "l", "R30", "T30"}) {
      CAPTURE(flags);
      memcache::Command command;
      const std::string line = "mg a v " + flags + "\r\n";
      CHECK(memcache::Parse(line, {}, false, 0, &command).status ==
            memcache::ParseStatus::kCommand);
      CHECK_FALSE(translate::Translation::StartsWithRead(command));
      relay.Send(line);
      CHECK(relay.TakeRequests() == 1);
    }
  });
}

TEST_CASE("meta get: a T that is over still shows the item, its marks and the token") {
  InBothFormats([](Relay& relay) {
    for (const std::string over : {"T-1", "T2592001"}) {
      CAPTURE(over);
      relay.Send("set a 0 100 1\r\nx\r\nmd a I\r\n");
      CHECK(relay.Send("mg a v " + over + "\r\nmg a v\r\n") == "VA 1 X W\r\nx\r\nEN\r\n");
      relay.Send("set a 0 100 1\r\nx\r\n");
      CHECK(relay.Send("mg a v h l " + over + "\r\nmg a v\r\nmg a " + over + "\r\n") ==
            "VA 1 h0 l0\r\nx\r\nEN\r\nEN\r\n");
    }
  });
}

TEST_CASE("meta get: C equal to the item's unique leaves the value out") {
  InBothFormats([](Relay& relay) {
    relay.Send("set a 0 0 1\r\nx\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    CHECK(relay.Send("mg a v s C" + cas + "\r\nmg a v s C1\r\n") == "HD s1\r\nVA 1 s1\r\nx\r\n");
  });
}

TEST_CASE("meta get: T sets the time to live, t shows the old or the new one by their order") {
  InBothFormats([](Relay& relay) {
    relay.Send("set a 0 0 1\r\nx\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    CHECK(relay.Send(
              "mg a T100 t\r\nmg a t T50\r\nmg a t\r\nmg a T0 t v\r\nmg a t\r\nmg n T5 t\r\n") ==
          "HD t100\r\nHD t100\r\nHD t50\r\nVA 1 t-1\r\nx\r\nHD t-1\r\nEN\r\n");
    CHECK(CasIn(relay.Send("mg a T9 c\r\n")) == cas);
    CHECK(relay.Send("mg a v T-1\r\nmg a\r\n") == "VA 1\r\nx\r\nEN\r\n");
  });
}

TEST_CASE(
    "meta get: h tells of an earlier fetch that asked, u leaves it alone, a store resets it") {
  InBothFormats([](Relay& relay) {
    relay.Send("set a 5 100 1\r\nx\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    CHECK(relay.Send("mg a h u\r\nmg a h u\r\nmg a h\r\nmg a h v\r\n") ==
          "HD h0\r\nHD h0\r\nHD h0\r\nVA 1 h1\r\nx\r\n");
    CHECK(Masked(relay.Send("mg a t f c\r\n")) == "HD t100 f5 cC\r\n");
    CHECK(CasIn(relay.Send("mg a c\r\n")) == cas);
    relay.TakeRequests();
    relay.Send("mg a v t f l h\r\n");
    CHECK(relay.TakeRequests() == 1);
    CHECK(relay.Send("set a 0 0 1\r\ny\r\nmg a h\r\n") == "STORED\r\nHD h0\r\n");
    CHECK(relay.Send("set b 0 50 1\r\ny\r\nmg b T90 h t\r\nmg b h t\r\n") ==
          "STORED\r\nHD h0 t90\r\nHD h1 t90\r\n");
  });
}

TEST_CASE("meta get: l is the seconds since the item was last used") {
  const RedisServer server;
  Relay relay(server);
  relay.Send("set a 0 0 1\r\nx\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(1300));
  const std::string answer = relay.Send("mg a l\r\nmg a l\r\n");  // Redis counts whole seconds
  CHECK((answer == "HD l1\r\nHD l0\r\n" || answer == "HD l2\r\nHD l0\r\n"));
  relay.redis().Do({"CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"});
  CHECK(relay.Send("mg a l v\r\nmg n l\r\n") == "VA 1 l0\r\nx\r\nEN\r\n");
}

TEST_CASE("meta get: N makes one client the winner and an empty item for the others") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("mg a t N30 v\r\nmg a N30 t v\r\nget a\r\nadd a 0 0 1\r\nx\r\n") ==
          "VA 0 t-1 W\r\n\r\nVA 0 t30 Z\r\n\r\nVALUE a 0 0\r\n\r\nEND\r\nNOT_STORED\r\n");
    CHECK(relay.Send("set a 0 0 1\r\nx\r\nmg a N30 v t\r\n") == "STORED\r\nVA 1 t-1\r\nx\r\n");
    CHECK(relay.Send("mg b N30 t q k\r\nmg b k T70 t\r\nmg c N0 t\r\nmg c t\r\n") ==
          "HD t30 kb W\r\nHD kb t70 Z\r\nHD t-1 W\r\nHD t-1 Z\r\n");
    CHECK(relay.Send("mg d T50 N30 t\r\nmg d t\r\nmg e N30 T50 t\r\nmg e t\r\n") ==
          "HD t30 W\r\nHD t30 Z\r\nHD t50 W\r\nHD t50 Z\r\n");
    CHECK(relay.Send("mg f N30 E77 c\r\nmg f c\r\nmg f h\r\n") ==
          "HD c77 W\r\nHD c77 Z\r\nHD h1 Z\r\n");
  });
}

TEST_CASE("meta get: R makes one client the winner shortly before the end") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("set a 0 20 1\r\nx\r\nmg a R20\r\nmg a R30 t v\r\nmg a R30 v\r\nmg a v\r\n") ==
          "STORED\r\nHD\r\nVA 1 t20 W\r\nx\r\nVA 1 Z\r\nx\r\nVA 1 Z\r\nx\r\n");
    CHECK(relay.Send(
              "set b 0 100 1\r\nx\r\nmg b R30\r\nset c 0 0 1\r\nx\r\nmg c R30\r\nmg c R-1\r\n") ==
          "STORED\r\nHD\r\nSTORED\r\nHD\r\nHD\r\n");
    CHECK(relay.Send("set d 0 20 1\r\nx\r\nmg d T100 R30 t\r\nmg d R300 T0 t\r\nmg d t\r\n") ==
          "STORED\r\nHD t100\r\nHD t-1 W\r\nHD t-1 Z\r\n");
    CHECK(relay.Send("set e 0 0 1\r\nx\r\nmg e T20 R30 t\r\n") == "STORED\r\nHD t20 W\r\n");
    CHECK(relay.Send("set f 0 20 1\r\nx\r\nmg f R30\r\nset f 0 20 1\r\ny\r\nmg f v\r\n") ==
          "STORED\r\nHD W\r\nSTORED\r\nVA 1\r\ny\r\n");
  });
}

TEST_CASE("meta delete: I leaves a stale item that one client wins, until it is stored anew") {
  InBothFormats([](Relay& relay) {
    relay.Send("set a 0 0 1\r\nx\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    CHECK(relay.Send("md a I T30\r\nget a\r\ntouch a 30\r\nmg a v t\r\nmg a v\r\n") ==
          "HD\r\nVALUE a 0 1\r\nx\r\nEND\r\nTOUCHED\r\nVA 1 t30 X W\r\nx\r\nVA 1 Z X\r\nx\r\n");
    CHECK(CasIn(relay.Send("mg a c\r\n")) != cas);
    CHECK(relay.Send("append a 0 0 1\r\ny\r\nmg a v\r\n") == "STORED\r\nVA 2\r\nxy\r\n");
    CHECK(relay.Send("md a I\r\nset a 0 0 1\r\nz\r\nmg a v\r\n") ==
          "HD\r\nSTORED\r\nVA 1\r\nz\r\n");
    // T and t on a stale item: the native step sets the time, the script only the token
    CHECK(relay.Send("md a I\r\nmg a t T50 v\r\nmg a t\r\n") ==
          "HD\r\nVA 1 t-1 X W\r\nz\r\nHD t50 Z X\r\n");
    CHECK(relay.Send("md a I\r\nmg a T70\r\nmg a t\r\n") == "HD\r\nHD X W\r\nHD t70 Z X\r\n");
    CHECK(relay.Send("md a I E12 k O5\r\nmg a c\r\nmd a I T-1\r\nmg a\r\n") ==
          "HD ka O5\r\nHD c12 X W\r\nHD\r\nEN\r\n");
  });
}

TEST_CASE("meta set: I with an older unique stores a value that stays stale and keeps its time") {
  const RedisServer server;
  Relay relay(server);
  relay.Send("set a 0 0 1\r\nx\r\n");
  const std::string cas = CasIn(relay.Send("mg a c\r\n"));
  CHECK(Masked(relay.Send("md a I T30\r\nmg a v\r\nms a 1 I T100 F3 c C" + cas +
                          "\r\ny\r\nmg a v t f\r\nmg a v\r\n")) ==
        "HD\r\nVA 1 X W\r\nx\r\nHD cC\r\nVA 1 t30 f3 Z X\r\ny\r\nVA 1 Z X\r\ny\r\n");
  const std::string now = CasIn(relay.Send("mg a c\r\n"));
  CHECK(relay.Send("ms a 1 I C9223372036854775807\r\nz\r\nms a 1 I C0\r\nz\r\n") == "EX\r\nEX\r\n");
  CHECK(relay.Send("ms a 1 I C" + now + "\r\nz\r\nmg a v t\r\n") == "HD\r\nVA 1 t-1\r\nz\r\n");
  CHECK(relay.Send("ms a 1 I\r\ny\r\nmg a v\r\nms n 1 I C5\r\ny\r\n") ==
        "HD\r\nVA 1\r\ny\r\nNF\r\n");
}

TEST_CASE("meta set: a bare value has no order, so I takes only its own unique") {
  const RedisServer server;
  Relay relay(server, {.value_format = ValueFormat::kPlain});
  relay.Send("set a 0 0 1\r\nx\r\n");
  const std::string cas = CasIn(relay.Send("mg a c\r\n"));
  CHECK(relay.Send("ms a 1 I C1\r\ny\r\n") == "EX\r\n");
  CHECK(relay.Send("ms a 1 I C" + cas + "\r\ny\r\n") == "HD\r\n");
  CHECK(relay.redis().Do({"GET", "a"}).text == "y");
}

TEST_CASE("meta set: the modes S E R A P, and what they answer") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("ms a 1 MR c s k O1\r\nx\r\nms a 1 MA s\r\nx\r\nms a 1 MP q k\r\nx\r\n") ==
          "NS c0 s1 ka O1\r\nNS s1\r\nNS ka\r\n");
    CHECK(
        Masked(relay.Send("ms a 1 ME c s F7 T90\r\nx\r\nms a 2 ME c s\r\nyy\r\nmg a v f t\r\n")) ==
        "HD cC s1\r\nNS c0 s2\r\nVA 1 f7 t90\r\nx\r\n");
    CHECK(Masked(relay.Send("ms a 2 MA c s F1 T5\r\n>>\r\nms a 1 MP s k\r\n<\r\nmg a v f t\r\n")) ==
          "HD cC s3\r\nHD s4 ka\r\nVA 4 f7 t90\r\n<x>>\r\n");
    CHECK(relay.Send("ms a 1 MR\r\nz\r\nmg a v f t\r\nms a 1 q\r\ny\r\nms a 1 Mset k\r\nw\r\n") ==
          "HD\r\nVA 1 f0 t-1\r\nz\r\nCLIENT_ERROR invalid mode for ms M token\r\n");
    CHECK(relay.Send("ms n 1 MA N50 F5 T20 s\r\n1\r\nms n 1 MA N90 F7 s\r\n2\r\nmg n t f v\r\n") ==
          "HD s1\r\nHD s2\r\nVA 2 t50 f5\r\n12\r\n");
    CHECK(relay.Send(
              "ms a 1 T-1\r\nx\r\nmg a\r\nms a 1 MR T-1\r\nx\r\nms a 1 ME T-1\r\nx\r\nmg a\r\n") ==
          "HD\r\nEN\r\nNS\r\nHD\r\nEN\r\n");
  });
}

TEST_CASE("meta set: c is the unique that a reader then sees") {
  InBothFormats([](Relay& relay) {
    for (const std::string line :
         {"ms a 2 c\r\n10\r\n", "ms a 1 MA c\r\n5\r\n", "ms a 1 MP c\r\n7\r\n",
          "ms a 1 MR c F3\r\nx\r\n", "ms a 1 MA c\r\ny\r\n", "ms b 1 MA N0 c\r\ny\r\n",
          "ms a 1 E44 c\r\nx\r\n", "ms a 1 MA E45 c\r\ny\r\n", "ma n N0 J5 c\r\n", "ma n c\r\n",
          "ma n E46 c\r\n"}) {
      CAPTURE(line);
      const std::string cas = CasIn(relay.Send(line));
      CHECK(CasIn(relay.Send("mg " + line.substr(3, 1) + " c\r\n")) == cas);
      if (line.find(" E4") != std::string::npos) CHECK(cas == line.substr(line.find(" E4") + 2, 2));
    }
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    const std::string stored = relay.Send("ms a 1 c C" + cas + "\r\nz\r\n");
    CHECK(CasIn(relay.Send("mg a c\r\n")) == CasIn(stored));
    CHECK(relay.Send("ms a 1 E0 c\r\nx\r\n") != "HD c0\r\n");
  });
}

TEST_CASE("meta set: C compares in every mode as memcached does") {
  InBothFormats([](Relay& relay) {
    CHECK(
        relay.Send(
            "ms a 1 C5 c\r\nx\r\nms a 1 C5 MR k\r\nx\r\nms a 1 C5 MA\r\nx\r\n"
            "ms a 1 C5 ME\r\nx\r\nms a 1 C5 MA\r\ny\r\nms a 1 C0\r\ny\r\nms a 1 C0 MA\r\ny\r\n") ==
        "NF c0\r\nNF ka\r\nNS\r\nHD\r\nEX\r\nEX\r\nHD\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    CHECK(relay.Send("ms a 1 MA C" + cas + "\r\nz\r\nget a\r\nms a 1 MP C" + cas + "\r\nz\r\n") ==
          "HD\r\nVALUE a 0 3\r\nxyz\r\nEND\r\nEX\r\n");
  });
}

TEST_CASE("meta delete: UNLINK, with C only for the current unique") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("md a\r\nmd a q k O1\r\nmd a C5 k\r\nmd a I\r\nmd a x\r\n") ==
          "NF\r\nNF ka O1\r\nNF ka\r\nNF\r\nNF\r\n");
    relay.Send("set a 0 0 1\r\nx\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    CHECK(relay.Send("md a C5 k O3\r\nmd a C0\r\nmd a q C" + cas + "\r\nmg a\r\n") ==
          "EX ka O3\r\nEX\r\nEN\r\n");
    relay.Send("set a 0 0 1\r\nx\r\n");
    relay.TakeRequests();
    CHECK(relay.Send("md a k\r\n") == "HD ka\r\n");
    CHECK(relay.last().script == nullptr);
  });
}

TEST_CASE("meta delete: x empties the item") {
  InBothFormats([](Relay& relay) {
    relay.Send("set a 7 100 1\r\nx\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    CHECK(relay.Send("md a x\r\nmg a v s f t\r\n") == "HD\r\nVA 0 s0 f0 t-1\r\n\r\n");
    CHECK(relay.Send("md a x T40 F9\r\nmg a v f t\r\n") == "HD\r\nVA 0 f9 t40\r\n\r\n");
    CHECK(relay.Send("md a x I\r\nmg a v f t\r\n") == "HD\r\nVA 0 f0 t-1 X W\r\n\r\n");
    CHECK(relay.Send("set a 7 100 1\r\nx\r\nmd a x E9\r\nmg a c\r\n") ==
          "STORED\r\nHD\r\nHD c9\r\n");
  });
  const RedisServer server;
  Relay relay(server);
  relay.Send("set a 7 100 1\r\nx\r\n");
  const std::string cas = CasIn(relay.Send("mg a c\r\n"));
  CHECK(relay.Send("md a x\r\nmg a c\r\n") == "HD\r\nHD c" + cas + "\r\n");
}

TEST_CASE("meta arithmetic: counts, creates, compares and sets the time") {
  InBothFormats([](Relay& relay) {
    CHECK(
        relay.Send("ma a N30 J13 v t\r\nma a N30 J13 v t\r\nma b N0 v\r\nma c N30 q v\r\nma c v\r\n"
                   "ma d J5\r\nma d q k O1\r\n") ==
        "VA 2 t30\r\n13\r\nVA 2 t30\r\n14\r\nVA 1\r\n0\r\nVA 1\r\n1\r\nNF\r\nNF kd O1\r\n");
    CHECK(relay.Send("set a 9 0 1\r\n5\r\nma a T100 t v\r\nma a t T50\r\nmg a t f\r\nma a D0 v\r\n"
                     "ma a MD D3 v k\r\nma a M- D90 v\r\nma a T-1 v\r\nmg a\r\n") ==
          "STORED\r\nVA 1 t100\r\n6\r\nHD t100\r\nHD t50 f9\r\nVA 1\r\n7\r\nVA 1 ka\r\n4\r\n"
          "VA 1\r\n0\r\nVA 1\r\n1\r\nEN\r\n");
    CHECK(relay.Send("set a 0 0 1\r\n5\r\nma a C5 k O1\r\nma a C0 v\r\n") ==
          "STORED\r\nEX ka O1\r\nVA 1\r\n6\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    CHECK(relay.Send("ma a v C" + cas + "\r\nma a v C" + cas + "\r\n") == "VA 1\r\n7\r\nEX\r\n");
    CHECK(relay.Send("set a 0 0 1\r\nx\r\nma a q O1\r\nset a 0 0 0\r\n\r\nma a C5\r\n") ==
          "STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\nSTORED\r\n"
          "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    CHECK(relay.Send("ma t N30 T50 t\r\nmg t t\r\nma u T50 N30 t J3 v k\r\nmg u t\r\n") ==
          "HD t50\r\nHD t50\r\nVA 1 t30 ku\r\n3\r\nHD t30\r\n");
    const std::string opaque(32, 'o');
    CHECK(relay.Send("ma u O" + opaque + "\r\nma u v\r\n") ==
          "CLIENT_ERROR opaque token too long\r\nVA 1\r\n5\r\n");
  });
}

TEST_CASE("meta: a base64 key is echoed in base64 when the item was stored with one") {
  InBothFormats([](Relay& relay) {
    CHECK(Masked(relay.Send(
              "ms Z29sZCBiaW4A 2 b k c\r\nhi\r\nmg Z29sZCBiaW4A b k v\r\n"
              "mg Z29sZCBiaW4A k v\r\nmd Z29sZCBiaW4A b k\r\nmg Z29sZCBiaW4A b k\r\n")) ==
          "HD kZ29sZCBiaW4A b cC\r\nVA 2 kZ29sZCBiaW4A b\r\nhi\r\nEN kZ29sZCBiaW4A\r\n"
          "HD kZ29sZCBiaW4A b\r\nEN kZ29sZCBiaW4A b\r\n");
    CHECK(relay.Send(
              "ms Z29s 1 b\r\n5\r\nmg gol k\r\nms gol 1\r\n6\r\nmg Z29s b k v\r\nma Z29s b k v\r\n"
              "ma gol k\r\nget gol\r\n") ==
          "HD\r\nHD kZ29s b\r\nHD\r\nVA 1 kgol\r\n6\r\nVA 1 kZ29s b\r\n7\r\nHD kgol\r\n"
          "VALUE gol 0 1\r\n8\r\nEND\r\n");
    // a key that would break the line is never echoed raw: "a b\r\n"
    CHECK(relay.Send("ms YSBiDQo= 1 b\r\nx\r\nms YSBiDQo= 1 b MA\r\nx\r\nmg YSBiDQo= b k v\r\n"
                     "mg YSBiDQoK b N0 k\r\nmg YSBiDQoK b k\r\n") ==
          "HD\r\nHD\r\nVA 2 kYSBiDQo= b\r\nxx\r\nHD kYSBiDQoK b W\r\nHD kYSBiDQoK b Z\r\n");
    // a carriage return within a key does not
    CHECK(relay.Send("ms a\rb 1 k\r\nx\r\nmg a\rb k\r\nmg c\rd k\r\nme c\rd\r\n") ==
          "HD ka\rb\r\nHD ka\rb\r\nEN kc\rd\r\nEN\r\n");
  });
}

TEST_CASE("meta debug: one line of what is known") {
  InBothFormats([](Relay& relay) {
    relay.Send("set ab 0 0 2\r\nxy\r\n");
    const std::string cas = CasIn(relay.Send("mg ab c\r\n"));
    CHECK(relay.Send("me ab\r\nme none\r\n") ==
          "ME ab exp=-1 la=0 cas=" + cas + " fetch=no cls=1 size=63\r\nEN\r\n");
    relay.Send("mg ab h\r\n");
    CHECK(relay.Send("me ab\r\n").find(" fetch=yes ") != std::string::npos);
    CHECK(relay.Send("set ab 5 90 3\r\nxyz\r\nme ab\r\n").find(" exp=-90 ") != std::string::npos);
    CHECK(relay.Send("me ab\r\n").find(" size=68\r\n") != std::string::npos);
  });
}

TEST_CASE("meta: plain values get a header with their state and lose it at the next set") {
  const RedisServer server;
  Relay relay(server, {.value_format = ValueFormat::kPlain});
  const auto stored = [&] { return relay.redis().Do({"GET", "a"}).text; };
  relay.Send("ms a 3\r\nabc\r\nmg a v f s c k t l u h\r\n");
  CHECK(stored() == "abc");
  for (const std::string line : {"md a I\r\n", "mg a h\r\n", "ms a 3 b\r\nabc\r\n"}) {
    relay.Send("delete a\r\nset a 0 100 3\r\nabc\r\n");
    const std::string cas = CasIn(relay.Send("mg a c\r\n"));
    relay.Send(line.starts_with("ms") ? "ms YQ== 3 b T100\r\nabc\r\n" : line);
    CHECK(stored().size() == 19);
    if (line == "mg a h\r\n") CHECK(CasIn(relay.Send("mg a c\r\n")) == cas);
    CHECK(relay.Send("mg a t\r\n").starts_with("HD t100"));
    relay.Send("append a 0 0 1\r\nd\r\n");
    CHECK(stored() == "abcd");
  }
  relay.Send("ms a 1 E5\r\nx\r\n");
  CHECK(stored().size() == 17);
  relay.Send("ms a 1\r\nx\r\n");
  CHECK(stored() == "x");
}

TEST_CASE("meta: what another process does between the read and the script decides") {
  const RedisServer server;
  Relay relay(server);
  // vivify: someone was faster
  relay.interfere = [](Relay& self) { self.redis().Do({"SET", "a", "theirs"}); };
  CHECK(relay.Send("mg a v N30\r\n") == "VA 6\r\ntheirs\r\n");
  // stale: someone won, deleted, or stored
  relay.interfere = nullptr;
  relay.Send("md a I\r\n");
  const std::string stale = relay.redis().Do({"GET", "a"}).text;
  const auto with_state = [&](char state) {
    std::string item = stale;
    item[3] = state;
    return item;
  };
  REQUIRE(stale == with_state(1));
  static std::string theirs;
  relay.interfere = [](Relay& self) { self.redis().Do({"SET", "a", theirs}); };
  theirs = with_state(3);
  CHECK(relay.Send("mg a v\r\n") == "VA 6 Z X\r\ntheirs\r\n");
  relay.redis().Do({"SET", "a", stale});
  theirs = with_state(0);
  CHECK(relay.Send("mg a v\r\n") == "VA 6\r\ntheirs\r\n");
  relay.redis().Do({"SET", "a", stale});
  relay.interfere = [](Relay& self) { self.redis().Do({"DEL", "a"}); };
  CHECK(relay.Send("mg a v k\r\n") == "EN ka\r\n");
  // recache: the time was extended meanwhile
  relay.redis().Do({"SET", "a", with_state(0), "EX", "20"});
  relay.interfere = [](Relay& self) { self.redis().Do({"EXPIRE", "a", "500"}); };
  CHECK(relay.Send("mg a R30 t\r\n") == "HD t500\r\n");
}

TEST_CASE("meta: a key of another type or of an unknown version is missing") {
  InBothFormats([](Relay& relay) {
    relay.redis().Do({"HSET", "h", "f", "v"});
    CHECK(relay.Send("mg h v k\r\nmg h t l\r\nmg h T5\r\nme h\r\nmg h N30\r\nms h 1 ME\r\nx\r\n") ==
          "EN kh\r\nEN\r\nEN\r\nEN\r\nEN\r\nNS\r\n");
    const std::string refused =
        "SERVER_ERROR WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    for (const std::string line :
         {"md h I\r\n", "ma h q\r\n", "ms h 1 C5\r\nx\r\n", "ms h 1 MA\r\nx\r\n"}) {
      CHECK(relay.Send(line) == refused);
    }
    CHECK(relay.Send("md h\r\n") == "HD\r\n");
    relay.redis().Do({"SET", "v", std::string_view("\xC1\x8D\x02\0\0\0\0\0\0\0\0\0\0\0\0\5x", 17)});
    CHECK(
        relay.Send(
            "mg v v\r\nmg v t\r\nmg v R5\r\nme v\r\nma v\r\nmd v I\r\nmd v C5\r\nms v 1 MA\r\nx\r\n"
            "ms v 1 C5\r\nx\r\n") == "EN\r\nEN\r\nEN\r\nEN\r\nNF\r\nNF\r\nNF\r\nNS\r\nNF\r\n");
    CHECK(relay.Send("mg v N30\r\nmg v\r\n") == "HD W\r\nHD Z\r\n");
  });
}

TEST_CASE("meta: a replica refuses what writes and serves what reads") {
  const RedisServer server;
  Relay relay(server);
  relay.Send("set a 0 0 1\r\n5\r\n");
  relay.redis().Do({"REPLICAOF", "127.0.0.1", "1"});
  CHECK(relay.Send("mg a v t l k\r\nmg a v\r\nmg a T5 t\r\nmg n N5\r\nmg a h k\r\n") ==
        "VA 1 t-1 l0 ka\r\n5\r\nVA 1\r\n5\r\nEN\r\nEN\r\nHD h0 ka\r\n");
  for (const std::string line : {"ms a 1\r\nx\r\n", "ms a 1 MA q\r\nx\r\n", "md a q\r\n",
                                 "md a I\r\n", "ma a\r\n", "ms a 1 C5\r\nx\r\n", "ma n N0\r\n"}) {
    CAPTURE(line);
    const std::string answer = relay.Send(line);
    if (line.find("C5") != std::string::npos) {
      CHECK(answer == "EX\r\n");  // found out before anything is written
    } else {
      CHECK(answer == "SERVER_ERROR READONLY You can't write against a read only replica.\r\n");
    }
  }
}

}  // namespace
}  // namespace mcrelay::testing
