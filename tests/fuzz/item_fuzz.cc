// libFuzzer target of the value format and of what is answered from it: the first byte chooses a
// command, the second the type of Redis's reply, the rest is the reply's bytes.
//
// What must hold: no crash; a header that is understood is the header we would write; an answer is
// whole lines, and what a `get` shows is exactly the item's value.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/memcache/parser.h"
#include "protocol/translate/item.h"
#include "protocol/translate/translation.h"

namespace {

using namespace mcrelay;             // NOLINT: a test's main file
using namespace mcrelay::translate;  // NOLINT

void Require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::string_view kCommands[] = {
    "get a\r\n",
    "gets a\r\n",
    "gat 5 a\r\n",
    "set a 1 5 1\r\nx\r\n",
    "add a 0 -1 1\r\nx\r\n",
    "append a 0 0 1\r\nx\r\n",
    "cas a 0 0 1 5\r\nx\r\n",
    "incr a 1\r\n",
    "touch a 0\r\n",
    "delete a\r\n",
    "mg a v f c s k Oab t l h\r\n",
    "mg a v f c s k q u\r\n",
    "mg YQ== b k v R30 N5 C7\r\n",
    "mg a T5 t v\r\n",
    "mg a T5 N9 v\r\n",
    "me a\r\n",
    "ms a 1 c s k\r\nx\r\n",
    "ms a 1 MA c s\r\nx\r\n",
    "ms a 1 C5 c\r\nx\r\n",
    "md a I k\r\n",
    "ma a v c t k\r\n",
};
constexpr size_t kCommandCount = sizeof kCommands / sizeof *kCommands;

uint64_t Ticks() { return 28'000'000'000'000'000; }

void CheckItem(std::string_view stored) {
  Item item;
  switch (DecodeItem(stored, &item)) {
    case ItemStatus::kTagged: {
      const Header header(item.flags, item.state, item.cas);
      Require(std::string(header.view()).append(item.value) == stored);
      Require(CasOf(item) == item.cas);
      break;
    }
    case ItemStatus::kForeign:
      Require(item.value == stored && item.flags == 0 && item.state == 0);
      Require(CasOf(item) >> 63 == 0);
      break;
    case ItemStatus::kUnknown:
      Require(stored.size() >= kHeaderBytes && stored.starts_with(kMagic));
  }
}

// The same reply again and again until the command is over: elements of arrays are of the next
// types.
void CheckCommand(std::string_view line, uint8_t type, std::string_view text) {
  using Type = redis::Reply::Type;
  const Settings settings;
  CasSource cas(&Ticks, 1);
  const Environment environment{settings, cas, 1'800'000'000'000};
  memcache::Command command;
  Require(memcache::Parse(line, {}, false, 0, &command).status == memcache::ParseStatus::kCommand);
  std::string_view keys = command.keys;
  std::string_view key = command.key;
  if (!keys.empty()) Require(memcache::NextKey(&keys, &key));

  std::vector<redis::Reply> elements;
  for (int i = 0; i < 1 + type / 6 % 4; ++i) {
    elements.push_back(
        {.type = static_cast<Type>((type / 24 + i) % 5), .text = text, .integer = type % 5 - 2});
  }
  const redis::Reply reply{.type = static_cast<Type>(type % 6),
                           .text = text,
                           .integer = type / 6 % 5 - 2,
                           .elements = elements};
  Translation translation;
  Buffer out;
  Buffer answer;
  Step step = translation.Begin(command, key, environment, &out);
  for (int replies = 0; step.kind != Step::Kind::kDone; ++replies) {
    Require(replies < 16 && answer.empty());
    Require(step.kind == Step::Kind::kRead || step.replies > 0);
    step = translation.OnReply(reply, environment, &out, &answer);
  }
  const std::string_view answered = answer.view();
  Require(answered.empty() || answered.ends_with("\r\n"));
  if (line.starts_with("get ") && reply.is_string()) {
    Item item;
    const bool hit = DecodeItem(text, &item) != ItemStatus::kUnknown;
    Require(hit != answered.empty());
    if (hit) Require(answered.ends_with(std::string(item.value) + "\r\n"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  CheckItem(text);
  // Redis ends an error at its line's end; the decoder hands out no other
  const bool line_ends = text.find_first_of("\r\n") != std::string::npos;
  if (data[1] % 6 == static_cast<uint8_t>(redis::Reply::Type::kError) && line_ends) return 0;
  CheckCommand(kCommands[data[0] % kCommandCount], data[1], text);
  return 0;
}
