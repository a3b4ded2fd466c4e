#include "protocol/translate/item.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace mcrelay::translate {
namespace {

using namespace std::string_view_literals;

TEST_CASE("item: a header says flags, state and cas, the rest is the value") {
  Item item;
  CHECK(DecodeItem("\xC1\x8D\x01\x05\x00\x00\x01\x02\x11\x22\x33\x44\x55\x66\x77\x88value"sv,
                   &item) == ItemStatus::kTagged);
  CHECK(item.value == "value");
  CHECK(item.flags == 258);
  CHECK(item.state == (kStale | kFetched));
  CHECK(item.cas == 0x1122334455667788);
  CHECK(CasOf(item) == item.cas);
  CHECK(DecodeItem("\xC1\x8D\x01\0\0\0\0\0\0\0\0\0\0\0\0\1"sv, &item) == ItemStatus::kTagged);
  CHECK(item.value.empty());
  CHECK(item.cas == 1);
}

TEST_CASE("item: a value without our header is served whole, with flags zero") {
  Item item;
  CHECK(DecodeItem("set by redis-cli", &item) == ItemStatus::kForeign);
  CHECK(item.value == "set by redis-cli");
  CHECK(item.flags == 0);
  CHECK_FALSE(item.tagged);
  CHECK(DecodeItem("", &item) == ItemStatus::kForeign);
  CHECK(item.value.empty());
  // the magic alone makes no header: 15 bytes are too short for one
  CHECK(DecodeItem("\xC1\x8D\x01\0\0\0\0\0\0\0\0\0\0\0\0"sv, &item) == ItemStatus::kForeign);
  CHECK(item.value.size() == 15);
  CHECK(DecodeItem("\xC1\x8E\x01\0\0\0\0\0\0\0\0\0\0\0\0\0"sv, &item) == ItemStatus::kForeign);
}

TEST_CASE("item: an unknown version or codec is not mistaken for bytes") {
  std::string stored("\xC1\x8D\x01\0\0\0\0\0\0\0\0\0\0\0\0\0value"sv);
  Item item;
  for (int byte = 0; byte < 256; ++byte) {
    stored[2] = static_cast<char>(byte);
    CHECK(DecodeItem(stored, &item) == (byte == 1 ? ItemStatus::kTagged : ItemStatus::kUnknown));
  }
}

TEST_CASE("item: a header written is the header read") {
  for (const uint64_t cas : {uint64_t{0}, uint64_t{1}, uint64_t{0x8000000000000001}, UINT64_MAX}) {
    const Header header(0xFEDCBA98, kBase64Key, cas);
    const std::string stored = std::string(header.view()) + "v";
    Item item;
    CHECK(DecodeItem(stored, &item) == ItemStatus::kTagged);
    CHECK(item.flags == 0xFEDCBA98);
    CHECK(item.state == kBase64Key);
    CHECK(item.cas == cas);
    CHECK(ReadCas(CasBytes(cas).view()) == cas);
    CHECK(stored.substr(8, 8) == CasBytes(cas).view());
  }
}

TEST_CASE("item: the unique of a bare value is the head of its SHA-1, top bit cleared") {
  // sha1sum: "" da39a3ee5e6b4b0d..., "abc" a9993e364706816a...
  CHECK(BareCas("") == 0x5a39a3ee5e6b4b0d);
  CHECK(BareCas("abc") == 0x29993e364706816a);
  CHECK(CasOf(Item{.value = "abc"}) == BareCas("abc"));
}

// The bytes of every `hex:` line of docs/value-format.md, in order, with the text after `is`.
std::vector<std::pair<std::string, std::string>> DocumentedExamples() {
  std::ifstream file(MCRELAY_SOURCE_DIR "/docs/value-format.md");
  REQUIRE(file.good());
  std::vector<std::pair<std::string, std::string>> examples;
  for (std::string line; std::getline(file, line);) {
    const size_t mark = line.find("hex: ");
    if (mark == std::string::npos) continue;
    const size_t is = line.find(" is ", mark);
    REQUIRE(is != std::string::npos);
    std::istringstream bytes(line.substr(mark + 4, is - mark - 4));
    std::string stored;
    for (std::string byte; bytes >> byte;) {
      stored += static_cast<char>(std::stoi(byte, nullptr, 16));
    }
    examples.emplace_back(stored, line.substr(is + 4));
  }
  return examples;
}

TEST_CASE("item: docs/value-format.md shows the bytes as they are") {
  const auto examples = DocumentedExamples();
  CHECK(examples.size() >= 6);
  for (const auto& example : examples) {
    const auto& stored = example.first;
    const auto& text = example.second;
    CAPTURE(text);
    Item item;
    std::string described;
    switch (DecodeItem(stored, &item)) {
      case ItemStatus::kUnknown:
        described = "a miss";
        break;
      case ItemStatus::kTagged:
      case ItemStatus::kForeign:
        described = std::string(item.tagged ? "tagged" : "bare") + ", flags " +
                    std::to_string(item.flags) + ", state " + std::to_string(item.state) +
                    ", cas " + std::to_string(CasOf(item)) + ", " +
                    std::to_string(item.value.size()) + " bytes";
    }
    CHECK(text == described);
  }
}

}  // namespace
}  // namespace mcrelay::translate
