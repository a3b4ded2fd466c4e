// A warmed-up get or set allocates nothing. Counts every operator new of this test program.

#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "protocol/memcache/parser.h"
#include "protocol/translate/translation.h"

namespace {
thread_local size_t allocations = 0;  // other tests here have threads
}

void* operator new(size_t bytes) {
  ++allocations;
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace mcrelay::translate {
namespace {

uint64_t Ticks() { return 28'000'000'000'000'000; }

TEST_CASE("translation: a warmed-up command allocates nothing") {
  const Settings settings{.key_prefix = "a-prefix-beyond-small-strings:"};
  CasSource cas(&Ticks, 3);
  const Environment environment{settings, cas, 1'800'000'000'000};
  memcache::Command command;
  Translation translation;
  Buffer out;
  Buffer answer;
  const std::string key = "a-key-that-is-too-long-for-small-strings";
  const std::string value(300, 'v');
  const std::string stored = std::string("\xC1\x8D\x01\0\0\0\0\0\0\0\0\0\0\0\0\x05", 16) + value;
  const redis::Reply hit{.type = redis::Reply::Type::kString, .text = stored};
  const redis::Reply ok{.type = redis::Reply::Type::kStatus, .text = "OK"};
  const redis::Reply one{.type = redis::Reply::Type::kInteger, .integer = 1};
  const std::string set = " 5 100 300\r\n" + value + "\r\n";
  const struct Case {
    std::string line;
    const redis::Reply& reply;
  } cases[] = {
      {"get " + key + "\r\n", hit},
      {"gets " + key + "\r\n", hit},
      {"gat 5 " + key + "\r\n", hit},
      {"set " + key + set, ok},
      {"delete " + key + "\r\n", one},
      {"append " + key + set, one},
      {"mg " + key + " v f c k Oan-opaque-of-31-bytes----------\r\n", hit},
      {"ms " + key + " 300 T5 c Oan-opaque-of-31-bytes----------\r\n" + value + "\r\n", ok},
  };
  for (const Case& one_case : cases) {
    const std::string& line = one_case.line;
    CAPTURE(line);
    for (int round = 0; round < 3; ++round) {
      out.Clear();
      answer.Clear();
      REQUIRE(memcache::Parse(line, {}, false, 0, &command).status ==
              memcache::ParseStatus::kCommand);
      std::string_view keys = command.keys;
      std::string_view name = command.key;
      if (!keys.empty()) REQUIRE(memcache::NextKey(&keys, &name));
      const size_t before = allocations;
      const Step begun = translation.Begin(command, name, environment, &out);
      const Step done = translation.OnReply(one_case.reply, environment, &out, &answer);
      const size_t after = allocations;
      CHECK(begun.kind != Step::Kind::kDone);
      CHECK(done.kind == Step::Kind::kDone);
      if (round == 2) CHECK(after == before);
      if (round == 2) CHECK_FALSE(answer.empty());
    }
  }
}

}  // namespace
}  // namespace mcrelay::translate
