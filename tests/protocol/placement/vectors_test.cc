// The vectors of tests/data/placement_vectors.txt: what a second implementation, in Python,
// computes from the rules; tests/protocol/placement/crosscheck.py holds that one against nutcracker
// and libmemcached.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "protocol/placement/placement.h"
#include "protocol/placement/slot.h"

namespace mcrelay::placement {
namespace {

std::string Unhex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<std::vector<std::string>> ReadVectors() {
  const auto here = std::filesystem::path(__FILE__).parent_path();
  std::ifstream file(here / "../../data/placement_vectors.txt");
  REQUIRE(file.is_open());
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    lines.emplace_back();
    for (std::string word; words >> word;) lines.back().push_back(word);
  }
  return lines;
}

std::vector<std::string> Keys(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::string> keys;
  for (const auto& line : lines) {
    if (line[0] != "keys") continue;
    for (size_t i = 1; i < line.size(); ++i) keys.push_back(Unhex(line[i]));
  }
  return keys;
}

// "ring <distribution> <hash> <tag or -> <name>=<weight> ..."
std::unique_ptr<Placement> RingOf(const std::vector<std::string>& line) {
  PlacementSettings settings;
  REQUIRE(ParseDistribution(line[1], &settings.distribution));
  REQUIRE(ParseHash(line[2], &settings.hash));
  if (line[3] != "-") settings.hash_tag = line[3];
  std::vector<PlacementNode> nodes;
  for (size_t i = 4; i < line.size(); ++i) {
    const size_t equals = line[i].rfind('=');
    nodes.push_back(
        {line[i].substr(0, equals), static_cast<uint32_t>(std::stoul(line[i].substr(equals + 1)))});
  }
  return MakePlacement(settings, nodes);
}

std::string BulkKey(int n) {
  return "item:" + std::to_string(n) + ":{" + std::to_string(n % 97) + "}";
}

TEST_CASE("placement: every key hash agrees with the vectors, also for bytes from 0x80 on") {
  size_t checked = 0;
  for (const auto& line : ReadVectors()) {
    if (line[0] != "hash") continue;
    Hash hash{};
    REQUIRE(ParseHash(line[1], &hash));
    INFO(line[1], " of ", line[2]);
    CHECK(HashKey(hash, Unhex(line[2])) == std::stoul(line[3]));
    ++checked;
  }
  CHECK(checked == kHashes.size() * Keys(ReadVectors()).size());
}

TEST_CASE("placement: cluster slots agree with the vectors") {
  size_t checked = 0;
  for (const auto& line : ReadVectors()) {
    if (line[0] != "slot") continue;
    INFO(line[1]);
    CHECK(KeySlot(Unhex(line[1])) == std::stoul(line[2]));
    ++checked;
  }
  CHECK(checked == Keys(ReadVectors()).size());
}

TEST_CASE("placement: every ring puts every key of the vectors on the same node") {
  const auto lines = ReadVectors();
  const auto keys = Keys(lines);
  std::unique_ptr<Placement> ring;
  std::string what;
  size_t rings = 0;
  for (const auto& line : lines) {
    if (line[0] == "ring") {
      ring = RingOf(line);
      what = line[1] + " " + line[2] + " " + line[3] + " " + std::to_string(line.size() - 4);
      ++rings;
    }
    INFO(what);
    if (line[0] == "picks") {
      REQUIRE(line.size() == keys.size() + 1);
      for (size_t i = 0; i < keys.size(); ++i) {
        CHECK_MESSAGE(ring->Pick(keys[i]) == std::stoul(line[i + 1]), "key ", keys[i]);
      }
    }
    if (line[0] == "bulk") {
      uint32_t check = 0;
      for (int n = 0; n < std::stoi(line[1]); ++n) {
        check = check * 31 + static_cast<uint32_t>(ring->Pick(BulkKey(n)));
      }
      CHECK(check == std::stoul(line[2]));
    }
  }
  CHECK(rings > 50);
}

}  // namespace
}  // namespace mcrelay::placement
