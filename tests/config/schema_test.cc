#include "config/schema.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "config/compose.h"
#include "config/value.h"

namespace mcrelay::config {
namespace {

TEST_CASE("schema: every key and every variable has one row") {
  std::set<std::string> names;
  std::set<std::string> variables;
  for (const Key& key : Schema()) {
    CAPTURE(key.name);
    CHECK(names.insert(std::string(key.name)).second);
    if (!key.IsEntry()) CHECK(variables.insert(EnvironmentName(key)).second);
    CHECK_FALSE(key.help.empty());
    CHECK(FindKey(key.name) == &key);
  }
  CHECK(FindKey("nothing") == nullptr);
}

TEST_CASE("schema: variables are named after section and key") {
  CHECK(EnvironmentName(*FindKey("timeouts.connect")) == "MCRELAY_TIMEOUTS_CONNECT");
  CHECK(EnvironmentName(*FindKey("listen")) == "MCRELAY_LISTEN");
  CHECK(EnvironmentName(*FindKey("limits.item_size")) == "MCRELAY_LIMITS_ITEM_SIZE");
}

TEST_CASE("schema: its defaults are those of the Config that tests and tools make by hand") {
  const Settings defaults = DefaultSettings();
  Config config;
  config.listen = defaults.at("listen").value.addresses;  // a vector cannot have a default there
  for (const Key& key : Schema()) {
    if (!key.IsSetting()) continue;
    CAPTURE(key.name);
    CHECK(FormatValue(key, key.field.get(config)) == FormatValue(key, defaults.at(key.name).value));
  }
}

TEST_CASE("schema: every key stores where it reads") {
  const Settings defaults = DefaultSettings();
  for (const Key& key : Schema()) {
    if (!key.IsSetting() || key.syntax.type == Type::kBackends) continue;
    CAPTURE(key.name);
    Value changed = defaults.at(key.name).value;
    changed.number ^= 1;
    changed.text = key.syntax.type == Type::kWord ? key.syntax.words.back().text : "changed";
    changed.addresses.push_back({"x", "x", 1, ""});
    changed.shards.emplace_back().name = "changed";
    Config config;
    key.field.put(config, changed);
    for (const Key& other : Schema()) {
      if (!other.IsSetting()) continue;
      Config before;
      const bool same = other.field.get(config).SameAs(other.field.get(before));
      CAPTURE(other.name);
      CHECK(same == (&other != &key));
    }
  }
}

TEST_CASE("schema: a section lists its names once, sections among them") {
  CHECK(IsSection("timeouts"));
  CHECK(IsSection("on_error"));
  CHECK_FALSE(IsSection("listen"));
  CHECK_FALSE(IsSection("time"));
  const auto names = NamesIn("timeouts");
  CHECK(names == std::vector<std::string_view>{"connect", "request", "idle", "drain"});
  int timeouts = 0;
  for (const std::string_view name : NamesIn("")) {
    if (name == "timeouts") ++timeouts;
    CHECK(name.find("[]") == std::string_view::npos);
  }
  CHECK(timeouts == 1);
}

}  // namespace
}  // namespace mcrelay::config
