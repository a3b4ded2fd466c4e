#include "protocol/translate/scripts.h"

#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <thread>

#include "protocol/translate/item.h"
#include "tests/protocol/translate/both_formats.h"

namespace mcrelay::testing {
namespace {

using translate::Header;

TEST_CASE("scripts: Redis knows each by the digest we call it by, and no name is there twice") {
  const RedisServer server;
  RedisClient redis(server.socket_path());
  std::set<std::string_view> names;
  for (const auto& script : translate::AllScripts()) {
    CHECK(redis.Do({"SCRIPT", "LOAD", script.text}).text == script.sha1);
    names.insert(script.name);
  }
  CHECK(names.size() == translate::AllScripts().size());
}

TEST_CASE("scripts: WriteEval turns a forgotten EVALSHA into the same call by text") {
  const RedisServer server;
  Relay relay(server);
  relay.Send("set n 0 0 1\r\n5\r\n");
  relay.redis().Do({"SCRIPT", "FLUSH"});
  memcache::Command command;
  command.verb = memcache::Verb::kIncr;
  command.delta = 37;
  translate::Translation translation;
  Buffer evalsha;
  const auto step = translation.Begin(command, "n", relay.environment(), &evalsha);
  REQUIRE(step.script != nullptr);
  relay.redis().Send(evalsha.view());
  CHECK(relay.redis().NextReply().text.starts_with("NOSCRIPT"));
  Buffer eval;
  WriteEval(*step.script, evalsha.view(), &eval);
  relay.redis().Send(eval.view());
  CHECK(relay.redis().NextReply().text == "42");
  CHECK(relay.Send("incr n 1\r\n") == "43\r\n");  // EVAL has made it known again
}

TEST_CASE("scripts: remove_if_older keeps what is newer, foreign types and unknown versions") {
  const RedisServer server;
  Relay relay(server);
  RedisClient& redis = relay.redis();
  const auto remove = [&](std::string_view key, uint64_t cas) {
    Buffer out;
    CHECK(translate::WriteRemoveIfOlder(key, cas, &out).name == "remove_if_older");
    redis.Send(out.view());
    const OwnedReply reply = redis.NextReply();
    CHECK(reply.type == redis::Reply::Type::kInteger);
    return reply.integer;
  };
  for (const uint64_t cas : {uint64_t{5}, uint64_t{0x100000000}, uint64_t{0x7fffffffffffffff}}) {
    CAPTURE(cas);
    redis.Do({"SET", "a", std::string(Header(0, 0, cas).view()) + "x"});
    CHECK(remove("a", cas - 1) == 0);
    CHECK(remove("a", cas) == 0);
    CHECK(remove("a", cas + 1) == 1);
    CHECK(remove("a", cas + 1) == 0);
  }
  redis.Do({"SET", "a", "bare"});
  CHECK(remove("a", 1) == 1);
  redis.Do({"HSET", "h", "f", "v"});
  CHECK(remove("h", UINT64_MAX) == 0);
  std::string unknown = std::string(Header(0, 0, 1).view());
  unknown[2] = 2;
  redis.Do({"SET", "u", unknown});
  CHECK(remove("u", UINT64_MAX) == 0);
  CHECK(redis.Do({"EXISTS", "h", "u"}).integer == 2);
}

// Runs `work` with its own Relay on every one of `kProcesses` threads.
template <typename Work>
void Race(const RedisServer& server, translate::ValueFormat format, Work work) {
  constexpr int kProcesses = 4;
  std::vector<std::unique_ptr<Relay>> relays;
  for (int i = 0; i < kProcesses; ++i) {
    relays.push_back(std::make_unique<Relay>(server, translate::Settings{.value_format = format},
                                             static_cast<uint8_t>(i)));
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kProcesses; ++i) {
    threads.emplace_back([&work, &relay = *relays[i], i] { work(relay, i); });
  }
  for (auto& thread : threads) thread.join();
}

TEST_CASE("scripts: counts, appends and cas updates of four processes lose nothing") {
  const RedisServer server;
  for (const auto format : {translate::ValueFormat::kTagged, translate::ValueFormat::kPlain}) {
    Relay relay(server, {.value_format = format});
    relay.redis().Do({"FLUSHDB"});
    relay.Send("set n 0 0 1\r\n0\r\nset s 0 0 0\r\n\r\nset c 0 0 1\r\n0\r\n");
    std::atomic<int> updates = 0;
    Race(server, format, [&](Relay& self, int) {
      for (int i = 0; i < 100; ++i) {
        self.Send("incr n 3\r\nappend s 0 0 1\r\nx\r\n");
        const std::string got = self.Send("gets c\r\n");  // VALUE c 0 <bytes> <cas>\r\n<number>\r\n
        const size_t line = got.find("\r\n");
        const std::string cas =
            got.substr(got.rfind(' ', line) + 1, line - got.rfind(' ', line) - 1);
        const std::string next = std::to_string(std::stoi(got.substr(line + 2)) + 1);
        const std::string answer = self.Send("cas c 0 0 " + std::to_string(next.size()) + " " +
                                             cas + "\r\n" + next + "\r\n");
        updates += answer == "STORED\r\n";
      }
    });
    CHECK(relay.Send("get n\r\n") == "VALUE n 0 4\r\n1200\r\nEND\r\n");
    CHECK(relay.Send("mg s s\r\n") == "HD s400\r\n");
    const std::string sum = std::to_string(updates.load());
    CHECK(relay.Send("mg c v\r\n") == "VA " + std::to_string(sum.size()) + "\r\n" + sum + "\r\n");
    CHECK(updates >= 100);
  }
}

TEST_CASE("scripts: of four processes that find an item missing, stale or late exactly one wins") {
  const RedisServer server;
  for (const auto format : {translate::ValueFormat::kTagged, translate::ValueFormat::kPlain}) {
    Relay relay(server, {.value_format = format});
    for (int round = 0; round < 30; ++round) {
      relay.redis().Do({"FLUSHDB"});
      relay.Send("set stale 0 0 1\r\nx\r\nmd stale I\r\nset late 0 10 1\r\nx\r\n");
      std::atomic<int> missing = 0;
      std::atomic<int> stale = 0;
      std::atomic<int> late = 0;
      std::atomic<int> added = 0;
      Race(server, format, [&](Relay& self, int) {
        missing += self.Send("mg missing N30\r\n") == "HD W\r\n";
        stale += self.Send("mg stale\r\n") == "HD X W\r\n";
        late += self.Send("mg late R30\r\n") == "HD W\r\n";
        added += self.Send("add lock 0 0 1\r\nx\r\n") == "STORED\r\n";
      });
      CHECK(missing == 1);
      CHECK(stale == 1);
      CHECK(late == 1);
      CHECK(added == 1);
    }
  }
}

}  // namespace
}  // namespace mcrelay::testing
