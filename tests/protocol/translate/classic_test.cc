// The classic commands against a real redis-server, in both value formats.

#include <doctest/doctest.h>

#include "tests/protocol/translate/both_formats.h"

namespace mcrelay::testing {
namespace {

using translate::ValueFormat;

std::string CasIn(const std::string& answer) {
  const size_t end = answer.find("\r\n");
  const size_t space = answer.rfind(' ', end);
  return answer.substr(space + 1, end - space - 1);
}

int64_t Ttl(Relay& relay, std::string_view key) { return relay.redis().Do({"TTL", key}).integer; }

TEST_CASE("classic: what is set is got, with its flags, and a miss prints nothing") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("set a 5 0 3\r\nabc\r\nset b 0 0 0\r\n\r\nget b a none a\r\n") ==
          "STORED\r\nSTORED\r\nVALUE b 0 0\r\n\r\nVALUE a 5 3\r\nabc\r\nVALUE a 5 "
          "3\r\nabc\r\nEND\r\n");
  });
}

TEST_CASE("classic: add, replace, append and prepend heed what is there") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("replace a 0 0 1\r\nx\r\nappend a 0 0 1\r\nx\r\nprepend a 0 0 1\r\nx\r\n") ==
          "NOT_STORED\r\nNOT_STORED\r\nNOT_STORED\r\n");
    CHECK(relay.Send("add a 3 100 1\r\nx\r\nadd a 0 0 1\r\ny\r\n") == "STORED\r\nNOT_STORED\r\n");
    CHECK(relay.Send("append a 9 0 1\r\n>\r\nprepend a 9 0 1\r\n<\r\nget a\r\n") ==
          "STORED\r\nSTORED\r\nVALUE a 3 3\r\n<x>\r\nEND\r\n");
    CHECK(Ttl(relay, "a") == 100);
    CHECK(relay.Send("replace a 9 0 1\r\nz\r\nget a\r\n") ==
          "STORED\r\nVALUE a 9 1\r\nz\r\nEND\r\n");
    CHECK(Ttl(relay, "a") == -1);
  });
}

TEST_CASE("classic: append and prepend work on flags 0, empty values and short bare values") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("set a 0 50 0\r\n\r\nappend a 0 0 1\r\nb\r\nappend a 0 0 2\r\ncd\r\n"
                     "prepend a 0 0 1\r\na\r\nappend a 0 0 0\r\n\r\nget a\r\n") ==
          "STORED\r\nSTORED\r\nSTORED\r\nSTORED\r\nSTORED\r\nVALUE a 0 4\r\nabcd\r\nEND\r\n");
    CHECK(Ttl(relay, "a") == 50);
  });
}

TEST_CASE("classic: cas stores for the current unique only, and every change makes a new one") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("cas a 0 0 1 5\r\nx\r\nset a 0 0 1\r\nx\r\ncas a 0 0 1 0\r\ny\r\n") ==
          "NOT_FOUND\r\nSTORED\r\nEXISTS\r\n");
    for (const std::string flags : {"0", "7"}) {
      const std::string cas = CasIn(relay.Send("gets a\r\n"));
      CHECK(relay.Send("touch a 100\r\ngat 0 a\r\n") == "TOUCHED\r\n" + relay.Send("get a\r\n"));
      const std::string line = "cas a " + flags + " 60 2 " + cas + "\r\nn" + flags + "\r\n";
      CHECK(relay.Send(line) == "STORED\r\n");
      CHECK(Ttl(relay, "a") == 60);
      CHECK(relay.Send("get a\r\n") == "VALUE a " + flags + " 2\r\nn" + flags + "\r\nEND\r\n");
      CHECK(relay.Send(line) == "EXISTS\r\n");
      CHECK(relay.Send("append a 0 0 1\r\n.\r\n") == "STORED\r\n");
    }
    const std::string cas = CasIn(relay.Send("gets a\r\n"));
    CHECK(relay.Send("cas a 0 -1 1 " + cas + "\r\nz\r\nget a\r\n") == "STORED\r\nEND\r\n");
  });
}

TEST_CASE("classic: a cas unique never goes back, even if another process's clock is ahead") {
  const RedisServer server;
  Relay relay(server);
  // an item from a process whose clock is far ahead: CAS 7000000000000000000
  relay.redis().Do(
      {"SET", "a", std::string_view("\xC1\x8D\x01\0\0\0\0\0\x61\x24\xFE\xE9\x93\xBC\0\0x", 17)});
  CHECK(relay.Send("gets a\r\n") == "VALUE a 0 1 7000000000000000000\r\nx\r\nEND\r\n");
  CHECK(relay.Send("append a 0 0 1\r\ny\r\ngets a\r\n") ==
        "STORED\r\nVALUE a 0 2 7000000000000000001\r\nxy\r\nEND\r\n");
  CHECK(relay.Send("prepend a 0 0 1\r\nw\r\ngets a\r\n") ==
        "STORED\r\nVALUE a 0 3 7000000000000000002\r\nwxy\r\nEND\r\n");
  CHECK(relay.Send("cas a 0 0 1 7000000000000000002\r\n5\r\ngets a\r\n") ==
        "STORED\r\nVALUE a 0 1 7000000000000000003\r\n5\r\nEND\r\n");
  CHECK(relay.translation().cas() != 7000000000000000003);
  CHECK(relay.Send("incr a 6\r\ngets a\r\n") ==
        "11\r\nVALUE a 0 2 7000000000000000004\r\n11\r\nEND\r\n");
  CHECK(relay.Send("md a I\r\nmg a c\r\nma a c\r\nms a 1 MA c\r\n2\r\n") ==
        "HD\r\nHD c7000000000000000005 X W\r\nHD c7000000000000000006\r\n"
        "HD c7000000000000000007\r\n");
  CHECK(relay.Send("ms a 1 C7000000000000000007 c\r\nx\r\nms a 1 I C1 c\r\nx\r\n") ==
        "HD c7000000000000000008\r\nHD c7000000000000000009\r\n");
}

TEST_CASE("classic: exptime 0 is never, negative at once, long ones are times of day") {
  InBothFormats([](Relay& relay) {
    const std::string hour_from_now = std::to_string(UnixMs() / 1000 + 3600 * 24 * 40);
    CHECK(relay.Send("set a 0 " + hour_from_now + " 1\r\nx\r\n") == "STORED\r\n");
    CHECK(Ttl(relay, "a") > 3600 * 24 * 40 - 5);
    CHECK(relay.Send("set a 0 2592000 1\r\nx\r\n") == "STORED\r\n");
    CHECK(Ttl(relay, "a") == 2592000);
    CHECK(relay.Send("set a 0 2592001 1\r\nx\r\nget a\r\n") == "STORED\r\nEND\r\n");
    CHECK(relay.Send("set a 0 0 1\r\nx\r\nadd a 0 -1 1\r\ny\r\nget a\r\n") ==
          "STORED\r\nNOT_STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
    CHECK(relay.Send("replace a 0 -1 1\r\ny\r\nget a\r\nreplace a 0 -1 1\r\ny\r\n") ==
          "STORED\r\nEND\r\nNOT_STORED\r\n");
    CHECK(relay.Send("add a 0 -1 1\r\ny\r\nget a\r\n") == "STORED\r\nEND\r\n");
    CHECK(relay.redis().Do({"DBSIZE"}).integer == 0);
  });
}

TEST_CASE("classic: touch and gat set, lift and end the time to live") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("touch a 0\r\ntouch a 5\r\ntouch a -1\r\ngat 5 a\r\n") ==
          "NOT_FOUND\r\nNOT_FOUND\r\nNOT_FOUND\r\nEND\r\n");
    relay.Send("set a 0 0 1\r\nx\r\n");
    CHECK(relay.Send("touch a 0\r\ntouch a 100\r\n") == "TOUCHED\r\nTOUCHED\r\n");
    CHECK(Ttl(relay, "a") == 100);
    CHECK(relay.Send("touch a 0\r\n") == "TOUCHED\r\n");
    CHECK(Ttl(relay, "a") == -1);
    CHECK(relay.Send("gat 50 a b a\r\n") == "VALUE a 0 1\r\nx\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
    CHECK(Ttl(relay, "a") == 50);
    CHECK(relay.Send("gat 0 a\r\n") == "VALUE a 0 1\r\nx\r\nEND\r\n");
    CHECK(Ttl(relay, "a") == -1);
    CHECK(relay.Send("gats 9 a\r\n") == relay.Send("gets a\r\n"));
    CHECK(relay.Send("gat -1 a\r\nget a\r\n") == "VALUE a 0 1\r\nx\r\nEND\r\nEND\r\n");
    CHECK(relay.Send("set a 0 0 1\r\nx\r\ntouch a -1\r\nget a\r\n") ==
          "STORED\r\nTOUCHED\r\nEND\r\n");
  });
}

TEST_CASE("classic: delete removes, noreply is silent") {
  InBothFormats([](Relay& relay) {
    CHECK(relay.Send("set a 0 0 1 noreply\r\nx\r\ndelete a\r\ndelete a\r\n") ==
          "DELETED\r\nNOT_FOUND\r\n");
    CHECK(
        relay.Send("set n 0 0 1 noreply\r\n5\r\nincr n 2 noreply\r\nappend n 0 0 1 noreply\r\n0\r\n"
                   "touch n 9 noreply\r\ndelete m noreply\r\nadd n 0 0 1 noreply\r\nx\r\n"
                   "decr n 1 noreply\r\nget n\r\n") == "VALUE n 0 2\r\n69\r\nEND\r\n");
  });
}

TEST_CASE("classic: a too large set removes the old item, an append over the limit does not") {
  InBothFormats([](Relay& relay) {
    const std::string large(1 << 20, 'x');
    const std::string line = " 0 0 " + std::to_string(large.size()) + "\r\n" + large + "\r\n";
    CHECK(relay.Send("set a 0 0 1\r\nx\r\nset a" + line + "get a\r\n") ==
          "STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n");
    CHECK(relay.last().removal_due == false);
    // 1048517 bytes of key, value and (for flags) 4 fit
    const std::string most(1048517 - 1 - 10, 'x');
    for (const std::string flags : {"0", "1"}) {
      CAPTURE(flags);
      relay.Send("set a " + flags + " 0 " + std::to_string(most.size()) + "\r\n" + most + "\r\n");
      const std::string fits = flags == "0" ? "10\r\n1234567890\r\n" : "6\r\n123456\r\n";
      const std::string over = flags == "0" ? "11\r\n1234567890A\r\n" : "7\r\n1234567\r\n";
      const std::string before = relay.Send("gets a\r\n");
      CHECK(relay.Send("append a 0 0 " + over) == "NOT_STORED\r\n");
      CHECK(relay.Send("prepend a 0 0 " + over) == "NOT_STORED\r\n");
      CHECK((relay.Send("gets a\r\n") == before));
      CHECK(relay.Send("append a 0 0 " + fits) == "STORED\r\n");
      CHECK(relay.Send("append a 0 0 1\r\nx\r\n") == "NOT_STORED\r\n");
    }
  });
}

TEST_CASE("classic: a key of another type is a miss to readers and WRONGTYPE to scripts") {
  InBothFormats([](Relay& relay) {
    relay.redis().Do({"HSET", "h", "f", "v"});
    CHECK(relay.Send("get h\r\ngats 5 h\r\nadd h 0 0 1\r\nx\r\n") ==
          "END\r\nEND\r\nNOT_STORED\r\n");
    const std::string refused =
        "SERVER_ERROR WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    for (const std::string line : {"append h 0 0 1\r\nx\r\n", "cas h 0 0 1 5\r\nx\r\n",
                                   "incr h 1\r\n", "prepend h 0 0 1\r\nx\r\n"}) {
      CHECK(relay.Send(line) == refused);
      CHECK_FALSE(relay.last().removal_due);
    }
    CHECK(relay.Send("touch h 100\r\n") == "TOUCHED\r\n");
    CHECK(relay.Send("set h 0 0 1\r\nx\r\nget h\r\n") == "STORED\r\nVALUE h 0 1\r\nx\r\nEND\r\n");
  });
}

TEST_CASE("classic: an item of an unknown version is missing, and not mistaken for bytes") {
  InBothFormats([](Relay& relay) {
    for (const char version : {'\x02', '\x11', '\x00'}) {
      std::string stored("\xC1\x8D\x01\0\0\0\0\0\0\0\0\0\0\0\0\x05x", 17);
      stored[2] = version;
      relay.redis().Do({"SET", "a", stored});
      CHECK(relay.Send(
                "get a\r\ngats 0 a\r\nappend a 0 0 1\r\nx\r\ncas a 0 0 1 5\r\nx\r\nincr a 1\r\n") ==
            "END\r\nEND\r\nNOT_STORED\r\nNOT_FOUND\r\nNOT_FOUND\r\n");
      CHECK(relay.redis().Do({"GET", "a"}).text == stored);
    }
  });
}

TEST_CASE("classic: plain values are bare bytes whenever nothing is lost by it") {
  const RedisServer server;
  Relay relay(server, {.value_format = ValueFormat::kPlain});
  const auto stored = [&] { return relay.redis().Do({"GET", "a"}).text; };
  relay.Send("set a 0 0 2\r\n10\r\n");
  CHECK(stored() == "10");
  relay.Send("decr a 1\r\nappend a 0 0 1\r\n5\r\nprepend a 0 0 1\r\n1\r\n");
  CHECK(stored() == "195");
  relay.Send("cas a 0 0 3 " + CasIn(relay.Send("gets a\r\n")) + "\r\nabc\r\n");
  CHECK(stored() == "abc");
  relay.Send("set a 7 0 1\r\nx\r\n");
  CHECK(stored().size() == 17);
  relay.Send("set a 0 0 1\r\nx\r\n");
  CHECK(stored() == "x");
  // bytes that look like a header get one, however they came together
  for (const std::string line :
       {"set a 0 0 2\r\n\xC1\x8D\r\n", "set a 0 0 1\r\n\xC1\r\nappend a 0 0 1\r\n\x8D\r\n",
        "set a 0 0 1\r\n\x8D\r\nprepend a 0 0 1\r\n\xC1\r\n",
        "set a 0 0 0\r\n\r\nappend a 0 0 2\r\n\xC1\x8D\r\n"}) {
    relay.Send("delete a\r\n" + line);
    CHECK(stored().size() == 18);
    CHECK(relay.Send("get a\r\n") == "VALUE a 0 2\r\n\xC1\x8D\r\nEND\r\n");
  }
  // and lose it when they no longer do
  relay.Send("prepend a 0 0 1\r\n!\r\n");
  CHECK(stored() == "!\xC1\x8D");
}

TEST_CASE("classic: a bare value from another program is an item in both formats") {
  InBothFormats([](Relay& relay) {
    relay.redis().Do({"SET", "a", "41", "EX", "100"});
    const std::string bare = relay.Send("gets a\r\n");
    CHECK(bare.starts_with("VALUE a 0 2 "));
    CHECK(relay.Send("incr a 1\r\n") == "42\r\n");
    CHECK(relay.Send("cas a 0 0 1 " + CasIn(bare) + "\r\nx\r\n") == "EXISTS\r\n");
    relay.redis().Do({"SET", "a", "41", "EX", "100"});
    CHECK(relay.Send("gets a\r\n") == bare);
    CHECK(relay.Send("append a 0 0 1\r\n.\r\nget a\r\n") ==
          "STORED\r\nVALUE a 0 3\r\n41.\r\nEND\r\n");
    CHECK(Ttl(relay, "a") == 100);
    relay.redis().Do({"SET", "a", "41"});
    CHECK(relay.Send("cas a 0 0 1 " + CasIn(bare) + "\r\nx\r\nget a\r\n") ==
          "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
  });
}

TEST_CASE("classic: keys of any bytes are stored under the prefix and shown without it") {
  const RedisServer server;
  Relay relay(server, {.key_prefix = "app1:"});
  const std::string key = "k\x01\xFF$3*\t";
  CHECK(relay.Send("set " + key + " 0 0 9\r\n$1\r\nx\r\n*1\r\nget " + key + "\r\n") ==
        "STORED\r\nVALUE " + key + " 0 9\r\n$1\r\nx\r\n*1\r\nEND\r\n");
  CHECK(relay.redis().Do({"EXISTS", "app1:" + key}).integer == 1);
  CHECK(relay.Send("append " + key + " 0 0 1\r\n!\r\ntouch " + key + " 0\r\ndelete " + key +
                   "\r\n") == "STORED\r\nTOUCHED\r\nDELETED\r\n");
  CHECK(relay.redis().Do({"DBSIZE"}).integer == 0);
}

TEST_CASE("classic: a server that is full or a replica refuses with its reason, reads go on") {
  const RedisServer server;
  Relay relay(server);
  relay.Send("set a 0 0 1\r\n5\r\n");
  relay.redis().Do({"CONFIG", "SET", "maxmemory", "1"});
  for (const std::string line :
       {"set a 0 0 1\r\nx\r\n", "append a 0 0 1\r\nx\r\n", "incr a 1\r\n"}) {
    CAPTURE(line);
    CHECK(relay.Send(line) == "SERVER_ERROR out of memory storing object\r\n");
    CHECK(relay.last().outcome == translate::Outcome::kFailed);
    CHECK(relay.last().removal_due == line.starts_with("set"));
  }
  CHECK(relay.Send("get a\r\n") == "VALUE a 0 1\r\n5\r\nEND\r\n");
  relay.redis().Do({"CONFIG", "SET", "maxmemory", "0"});
  relay.redis().Do({"REPLICAOF", "127.0.0.1", "1"});
  const std::string refused =
      "SERVER_ERROR READONLY You can't write against a read only replica.\r\n";
  for (const std::string line : {"set a 0 0 1\r\nx\r\n", "append a 0 0 1\r\nx\r\n", "touch a 0\r\n",
                                 "incr a 1\r\n", "delete a\r\n", "touch a 5\r\n"}) {
    CAPTURE(line);
    CHECK(relay.Send(line) == refused);
  }
  CHECK(relay.Send("get a\r\ngat 5 a\r\n") == "VALUE a 0 1\r\n5\r\nEND\r\nEND\r\n");
}

}  // namespace
}  // namespace mcrelay::testing
