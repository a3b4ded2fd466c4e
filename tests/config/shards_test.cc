#include <doctest/doctest.h>

#include <string>

#include "config/validate.h"
#include "tests/config/support.h"

namespace mcrelay::config {
namespace {

const char* const kBothKinds =
    "sentinels: [s1:26379, s2]\n"
    "username: app\n"
    "password: hush\n"
    "read_from: nearest\n"
    "shards:\n"
    "  - {name: a, backends: [h1:1:2, {location: \"h2:2:2\", name: second}], weight: 3}\n"
    "  - {service: mymaster}\n"
    "  - {name: c, service: other, sentinels: [s3:7]}\n";

TEST_CASE("shards: an entry is a replicated set, or one that Sentinels manage") {
  const Config c = FromYaml(kBothKinds);
  CHECK(c.topology == Topology::kShard);
  CHECK_FALSE(c.embedded);
  CHECK(c.read_from == ReadFrom::kNearest);
  REQUIRE(c.shards.size() == 3);
  CHECK(c.shards[0].name == "a");
  CHECK(c.shards[0].weight == 3);
  REQUIRE(c.shards[0].backends.size() == 2);
  CHECK(c.shards[0].backends[0].name == "h1:1");
  CHECK(c.shards[0].backends[0].db == 2);
  CHECK(c.shards[0].backends[0].username == "app");
  CHECK(c.shards[0].backends[0].password == "hush");
  CHECK(c.shards[0].backends[1].name == "second");
  CHECK(c.shards[1].name == "mymaster");
  CHECK(c.shards[1].weight == 1);
  CHECK(c.shards[1].sentinels.empty());
  CHECK(c.shards[2].name == "c");
  CHECK(c.shards[2].service == "other");
  REQUIRE(c.shards[2].sentinels.size() == 1);
  CHECK(c.shards[2].sentinels[0].port == 7);
  CHECK(FromYaml("shards: [{service: a, sentinels: [s]}]\n").shards[0].sentinels[0].port == 26379);
}

TEST_CASE("shards: they are printed as they load") {
  const std::string yaml =
      "sentinels: [s]\nshards: [{name: a, backends: [h1, h2], weight: 2}, {service: b}]\n";
  const LoadResult printed = LoadYaml(yaml, {"--print-config"});
  INFO(printed.text);
  CHECK(printed.text.find("\nshards:") != std::string::npos);
  CHECK(printed.text.find(
            "  - {name: \"a\", backends: [{location: \"h1\"}, {location: \"h2\"}], weight: 2}\n"
            "  - {name: \"b\", service: \"b\"}\n") != std::string::npos);
  CHECK(Diff(FromYaml(yaml), FromYaml(printed.text)).empty());
  const auto changes = Diff(FromYaml(yaml), FromYaml("shards: [{name: a, backends: [h1]}]\n"));
  CHECK(changes.size() == 2);
  CHECK(FromYaml("shards: []\n").embedded);
}

TEST_CASE("shards: a mistake in an entry is told with its place") {
  CHECK(YamlError("shards: [h1, h2]\n") ==
        "f.yaml:1:10: found text for shards, expected a list of sets such as [{name: a, backends: "
        "[127.0.0.1:6379, 127.0.0.1:6380]}], in the file");
  CHECK(YamlError("shards: {name: a}\n").starts_with("f.yaml:1:9: found a map for shards, expect"));
  CHECK(YamlError("shards:\n  - {name: a, backend: [h1]}\n") ==
        "f.yaml:2:15: found unknown key 'backend' in section 'shards[]', expected name, backends, "
        "service, sentinels or weight (did you mean 'backends'?)");
  CHECK(YamlError("shards: [{name: a, name: b}]\n") ==
        "f.yaml:1:20: found key 'name' in section 'shards[]' a second time (first in line 1), "
        "expected it once");
  CHECK(YamlError("shards: [{name: a}]\n") ==
        "f.yaml:1:10: found a set with neither backends nor a service, expected one of them");
  CHECK(YamlError("shards: [{service: a, backends: [h]}]\n") ==
        "f.yaml:1:10: found a set with both backends and a service, expected one of them");
  CHECK(YamlError("shards: [{backends: [h]}]\n") ==
        "f.yaml:1:10: found a set without a name, expected {name: a, backends: [host:port:db, "
        "...]}");
  CHECK(YamlError("shards: [{name: a, backends: [h], sentinels: [s]}]\n") ==
        "f.yaml:1:35: found sentinels without a service, expected service: name");
  CHECK(YamlError("shards: [{name: a, backends: [\"h:x\"]}]\n") ==
        "f.yaml:1:31: found 'h:x', expected a port from 1 to 65535 after the host");
  CHECK(YamlError("shards: [{name: a, backends: [h], weight: 0}]\n") ==
        "f.yaml:1:43: found '0' for shards[].weight, expected a whole number from 1 to 1000");
}

TEST_CASE("shards: combinations that cannot work are refused") {
  const std::string a = "{name: a, backends: [h1]}";
  CHECK(YamlError("backends: [x]\nshards: [" + a + "]\n") ==
        "f.yaml:2:1: shards: found shards beside backends, expected one of them");
  CHECK(YamlError("shards: [" + a + "]\ntopology: replica\n") ==
        "f.yaml:2:11: topology: found 'replica' with shards, expected shard: each entry says which "
        "kind of set it is");
  CHECK(YamlError("shards: [" + a + "]\ndistribution: django-redis\n") ==
        "f.yaml:2:15: distribution: found 'django-redis' with shards, expected another one: its "
        "ring is made of servers");
  CHECK(YamlError("shards:\n- " + a + "\n- {name: a, backends: [h2]}\n") ==
        "f.yaml:3:3: found a second set with the name 'a', expected different names");
  CHECK(YamlError("shards:\n- " + a + "\n- {name: b, backends: [h1]}\n") ==
        "f.yaml:3:3: found a second node with the name 'h1', expected different names");
  CHECK(YamlError("shards: [{service: a}]\n") ==
        "f.yaml:1:10: found a service without sentinels, expected sentinels: [host:port]");
  CHECK(YamlError("sentinels: [s]\nshards: [" + a + "]\n") ==
        "f.yaml:1:1: sentinels: found sentinels with topology shard, expected topology sentinel");
  CHECK(YamlError("shards: [{name: a, backends: [{location: h, weight: 2}]}]\n") ==
        "f.yaml:1:10: found a weight for a server of a set, expected it for the set");
  CHECK(YamlError("shards: [" + a + "]\nraw_listen: 127.0.0.1:1\n")
            .starts_with("f.yaml:2:13: raw_listen: found topology shard, expected single"));
  CHECK(YamlError("username: u\nshards: [" + a + "]\n")
            .starts_with("f.yaml:2:10: found a user without a password"));
  CHECK(ErrorOf(LoadFlags({}, {{"MCRELAY_SHARDS", "redis://u:hush@h"}}))
            .starts_with("environment MCRELAY_SHARDS: found text for shards, expected a list"));
}

}  // namespace
}  // namespace mcrelay::config
