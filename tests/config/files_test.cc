// What the project ships about its configuration says what the code does.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "config/flags.h"
#include "config/schema.h"
#include "config/value.h"
#include "tests/config/support.h"

namespace mcrelay::config {
namespace {

// The row of a table that starts with `name`, cell by cell.
std::vector<std::string> Row(const std::string& text, const std::string& name) {
  const std::string start = "\n| `" + name + "` |";
  const size_t at = text.find(start);
  if (at == std::string::npos) return {};
  std::vector<std::string> cells;
  std::string line = text.substr(at + 2, text.find('\n', at + 1) - at - 2);
  for (size_t bar; (bar = line.find('|')) != std::string::npos; line.erase(0, bar + 1)) {
    std::string cell = line.substr(0, bar);
    cells.push_back(cell.substr(cell.find_first_not_of(' ') == std::string::npos
                                    ? cell.size()
                                    : cell.find_first_not_of(' ')));
    while (!cells.back().empty() && cells.back().back() == ' ') cells.back().pop_back();
  }
  return cells;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Whether a line starts with `start`, after any of the characters `skipped`.
bool HasLine(const std::string& text, const char* skipped, const std::string& start) {
  for (size_t at = 0; at < text.size();) {
    const size_t first = text.find_first_not_of(skipped, at);
    if (first != std::string::npos && text.compare(first, start.size(), start) == 0) return true;
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) return false;
    at = end + 1;
  }
  return false;
}

TEST_CASE("files: mcrelay.yaml loads and is the default") {
  const Config example = FromFlags({"--config", ProjectPath("config/mcrelay.yaml")});
  for (const Change& change : Diff(FromFlags({}), example)) {
    FAIL_CHECK(change.key << ": the default is " << change.from << ", the file has " << change.to);
  }
  CHECK(example.warnings.empty());
}

TEST_CASE("files: mcrelay.yaml loads with each of its commented lines put in") {
  const std::string text = ReadProjectFile("config/mcrelay.yaml");
  for (const char* line : {"# topology: shard", "# client_output: 32mb", "# node_output: 64mb",
                           "# auth_file: /etc/mcrelay/users"}) {
    std::string changed = text;
    const size_t at = changed.find(line);
    REQUIRE_MESSAGE(at != std::string::npos, line);
    changed.erase(at, 2);
    CAPTURE(line);
    CHECK(LoadYaml(changed, {"--backend", "a", "--backend", "b"}).ok());
  }
}

TEST_CASE("files: mcrelay.yaml has every key, as a value or as a comment") {
  const std::string text = ReadProjectFile("config/mcrelay.yaml");
  for (const Key& key : Schema()) {
    const std::string name(key.name.substr(key.name.find_last_of('.') + 1));
    CAPTURE(key.name);
    if (key.IsEntry()) {
      CHECK((Has(text, "{" + name + ": ") || Has(text, " " + name + ": ")));
      continue;
    }
    CHECK(HasLine(text, " #", name + ":"));
    const bool active = HasLine(text, " ", name + ":");
    if (!key.built) CHECK_FALSE(active);
  }
}

TEST_CASE("files: mcrelay.minimal.yaml loads and names one backend") {
  const Config c = FromFlags({"--config", ProjectPath("config/mcrelay.minimal.yaml")});
  REQUIRE(c.backends.size() == 1);
  CHECK(c.backends[0].name == "127.0.0.1:6379");
}

TEST_CASE("files: configuration.md has every key with its default, words and reload") {
  const std::string text = ReadProjectFile("docs/configuration.md");
  const size_t reserved = text.find("### Reserved");
  REQUIRE(reserved != std::string::npos);
  for (const Key& key : Schema()) {
    CAPTURE(key.name);
    if (!key.built) {
      CHECK(Has(text.substr(reserved), "`" + std::string(key.name) + "`"));
      continue;
    }
    const auto row = Row(text, std::string(key.name));
    REQUIRE(row.size() == 5);
    const std::string initial(key.syntax.initial);
    if (!initial.empty()) CHECK(row[2] == "`" + initial + "`");
    CHECK(row[3] == (key.reload == Reload::kLive ? "yes" : "restart"));
    for (const Word& word : key.syntax.words) {
      if (word.built) CHECK(Has(row[1], "`" + std::string(word.text) + "`"));
      if (!word.built) CHECK(Has(text.substr(reserved), "`" + std::string(word.text) + "`"));
    }
  }
}

TEST_CASE("files: configuration.md has the range of every number") {
  const std::string text = ReadProjectFile("docs/configuration.md");
  for (const Key& key : Schema()) {
    if (!key.built || key.syntax.max == 0) continue;
    CAPTURE(key.name);
    const auto row = Row(text, std::string(key.name));
    REQUIRE(row.size() == 5);
    const std::string expected = Expected(key);  // "... from LOW to HIGH ..."
    const size_t from = expected.find("from ") + 5;
    const size_t to = expected.find(" to ", from);
    const size_t end = expected.find(' ', to + 4);
    CHECK(Has(row[1], expected.substr(from, end - from)));
  }
}

TEST_CASE("files: configuration.md has every flag") {
  const std::string text = ReadProjectFile("docs/configuration.md");
  for (const Flag& flag : Flags()) {
    CAPTURE(flag.help);
    if (flag.HasLetter()) CHECK(Has(text, std::string("`-") + char(flag.code) + "`"));
    if (!flag.name.empty()) CHECK(Has(text, "`--" + std::string(flag.name) + "`"));
  }
}

TEST_CASE("files: configuration.md's examples load") {
  const std::string text = ReadProjectFile("docs/configuration.md");
  const TempFolder folder;
  const std::string secret = folder.Write("redis-password", "hush\n");
  int examples = 0;
  for (size_t at = 0; (at = text.find("```yaml\n", at)) != std::string::npos;) {
    at += 8;
    std::string yaml = text.substr(at, text.find("```", at) - at);
    if (Has(yaml, "services:")) continue;  // a compose file
    const std::string named = "/etc/mcrelay/redis-password";
    if (Has(yaml, named)) yaml.replace(yaml.find(named), named.size(), secret);
    CAPTURE(yaml);
    CHECK(YamlError(yaml) == "no error");
    ++examples;
  }
  CHECK(examples >= 5);
}

}  // namespace
}  // namespace mcrelay::config
