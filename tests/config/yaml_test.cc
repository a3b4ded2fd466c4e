#include "config/yaml_reader.h"

#include <doctest/doctest.h>

#include <string>

#include "config/location.h"
#include "tests/config/support.h"

namespace mcrelay::config {
namespace {

TEST_CASE("yaml: an empty file, and one of comments, change nothing") {
  for (const char* text : {"", "\n", "# nothing\n", "---\n", "\xef\xbb\xbf# with a mark\n"}) {
    CAPTURE(text);
    CHECK(Diff(FromYaml(text), FromFlags({})).empty());
  }
}

TEST_CASE("yaml: every type of value arrives") {
  const Config c = FromYaml(
      "listen: [127.0.0.1:11311, \"unix:/run/mcrelay.sock\"]\n"
      "unix_mask: 0770\n"
      "threads: 3\n"
      "backends:\n"
      "  - 127.0.0.1:6379:1\n"
      "  - {location: \"unix:/run/redis/b.sock:1\", name: b, weight: 2}\n"
      "distribution: modula\n"
      "hash: md5\n"
      "hash_tag: \"{}\"\n"
      "key_prefix: \"app1:\"\n"
      "value_format: plain\n"
      "on_error: {read: error, write: error}\n"
      "flush_all: prefix\n"
      "timeouts: {connect: 1s, idle: 2m}\n"
      "limits: {item_size: 2mb, merge_keys: 1}\n"
      "health: {failures: 5}\n"
      "on_overflow: log\n"
      "log: {level: debug, format: json, file: /var/log/x}\n"
      "embedded: {evictions: no}\n");
  REQUIRE(c.listen.size() == 2);
  CHECK(FormatAddress(c.listen[0]) == "127.0.0.1:11311");
  CHECK(c.listen[1].unix_path == "/run/mcrelay.sock");
  CHECK(c.unix_mask == 0770);
  CHECK(c.threads == 3);
  REQUIRE(c.backends.size() == 2);
  CHECK(c.backends[0].name == "127.0.0.1:6379");
  CHECK(c.backends[0].db == 1);
  CHECK(c.backends[1].name == "b");
  CHECK(c.backends[1].weight == 2);
  CHECK(c.backends[1].unix_path == "/run/redis/b.sock");
  CHECK(c.topology == Topology::kShard);
  CHECK_FALSE(c.embedded);
  CHECK(c.distribution == "modula");
  CHECK(c.hash == "md5");
  CHECK(c.hash_tag == "{}");
  CHECK(c.key_prefix == "app1:");
  CHECK(c.value_format == ValueFormat::kPlain);
  CHECK(c.on_error_read == OnError::kError);
  CHECK(c.on_error_write == OnError::kError);
  CHECK(c.on_error_delete == OnError::kMiss);
  CHECK(c.flush_all == FlushAll::kPrefix);
  CHECK(c.timeouts.connect == 1000);
  CHECK(c.timeouts.idle == 120000);
  CHECK(c.limits.item_size == 2 << 20);
  CHECK(c.limits.merge_keys == 1);
  CHECK(c.health.failures == 5);
  CHECK(c.on_overflow == OnOverflow::kLog);
  CHECK(c.log.level == LogLevel::kDebug);
  CHECK(c.log.format == LogFormat::kJson);
  CHECK(c.log.file == "/var/log/x");
  CHECK_FALSE(c.embedded_evictions);
}

TEST_CASE("yaml: one address or backend needs no list, and on_error may be one word") {
  const Config c = FromYaml("listen: localhost:1\nbackends: redis\non_error: error\n");
  REQUIRE(c.listen.size() == 1);
  CHECK(c.listen[0].host == "localhost");
  REQUIRE(c.backends.size() == 1);
  CHECK(c.backends[0].host == "redis");
  CHECK(c.topology == Topology::kSingle);
  CHECK(c.on_error_read == OnError::kError);
  CHECK(c.on_error_write == OnError::kError);
  CHECK(c.on_error_delete == OnError::kError);
}

TEST_CASE("yaml: a section whose keys are all commented out is empty") {
  CHECK(FromYaml("timeouts:\n  # connect: 1s\nthreads: 2\n").threads == 2);
}

TEST_CASE("yaml: an unknown key is named with its place and the nearest name") {
  CHECK(YamlError("threads: 2\n\ntimeout:\n  connect: 1s\n") ==
        "f.yaml:3:1: found unknown key 'timeout', expected a configuration key "
        "(did you mean 'timeouts'?)");
  CHECK(YamlError("timeouts: {connect: 1s, reqest: 1s}\n") ==
        "f.yaml:1:25: found unknown key 'reqest' in section 'timeouts', expected connect, "
        "request, idle or drain (did you mean 'request'?)");
  CHECK(YamlError("item_size: 1mb\n") ==
        "f.yaml:1:1: found unknown key 'item_size', expected a configuration key "
        "(did you mean 'limits.item_size'?)");
  CHECK(YamlError("quite_else: 1mb\n") ==
        "f.yaml:1:1: found unknown key 'quite_else', expected a configuration key");
  CHECK(YamlError("backends: [{location: a, wieght: 2}]\n") ==
        "f.yaml:1:26: found unknown key 'wieght' in section 'backends[]', expected location, name "
        "or weight (did you mean 'weight'?)");
  CHECK(YamlError("backends[]: 1\n").starts_with("f.yaml:1:1: found unknown key 'backends[]'"));
  CHECK(YamlError("timeouts.connect: 1s\n") ==
        "f.yaml:1:1: found 'timeouts.connect' as one name, expected section 'timeouts' with key "
        "'connect' in it");
}

TEST_CASE("yaml: a key given twice is an error where it comes again") {
  CHECK(YamlError("threads: 2\nbacklog: 3\nthreads: 2\n") ==
        "f.yaml:3:1: found key 'threads' a second time (first in line 1), expected it once");
  CHECK(YamlError("log:\n  level: info\n  level: debug\n") ==
        "f.yaml:3:3: found key 'level' in section 'log' a second time (first in line 2), expected "
        "it once");
  CHECK(YamlError("backends: [{location: a, location: b}]\n") ==
        "f.yaml:1:26: found key 'location' in section 'backends[]' a second time (first in line "
        "1), expected it once");
}

TEST_CASE("yaml: a value of another shape is an error at the value") {
  CHECK(YamlError("threads: [1, 2]\n") ==
        "f.yaml:1:10: found a list for threads, expected a whole number from 1 to 512 or auto");
  CHECK(YamlError("key_prefix: {a: b}\n") ==
        "f.yaml:1:13: found a map for key_prefix, expected text");
  CHECK(YamlError("backlog:\nthreads: 2\n") ==
        "f.yaml:1:1: found nothing for backlog, expected a whole number from 1 to 65535");
  CHECK(YamlError("user: ~\n") == "f.yaml:1:1: found nothing for user, expected text");
  CHECK(YamlError("timeouts: 5s\n") ==
        "f.yaml:1:11: found '5s' for section timeouts, expected a map of connect, request, idle or "
        "drain");
  CHECK(YamlError("log: [debug]\n") ==
        "f.yaml:1:6: found a list for section log, expected a map of level, format or file");
  CHECK(YamlError("on_error: [miss]\n") ==
        "f.yaml:1:11: found a list for section on_error, expected a map of read, write or delete");
  CHECK(YamlError("listen: {a: b}\n") ==
        "f.yaml:1:9: found a map for listen, expected a list of addresses such as "
        "[127.0.0.1:11211, \"unix:/path\"]");
  CHECK(YamlError("listen: [[a]]\n") ==
        "f.yaml:1:10: found a list for listen, expected a list of addresses such as "
        "[127.0.0.1:11211, \"unix:/path\"]");
  CHECK(YamlError("backends: [~]\n") ==
        "f.yaml:1:1: found nothing for backends, expected a list of backend locations such as "
        "[127.0.0.1:6379:1]");
  CHECK(YamlError("[a]: b\n") == "f.yaml:1:1: found a list as a key, expected a name");
  CHECK(YamlError("- a\n") == "f.yaml:1:1: found a list, expected a map of configuration keys");
  CHECK(YamlError("hello\n") == "f.yaml:1:1: found 'hello', expected a map of configuration keys");
}

TEST_CASE("yaml: a bad value is an error at the value") {
  CHECK(YamlError("threads: 2\ntimeouts:\n  connect: 250\n") ==
        "f.yaml:3:12: found '250' for timeouts.connect, expected a duration from 1ms to 10m "
        "(such as 250ms, 5s, 1m)");
  CHECK(YamlError("limits: {item_size: 1 mb}\n") ==
        "f.yaml:1:21: found '1 mb' for limits.item_size, expected a size from 1k to 1gb "
        "(such as 1048576, 64k, 1mb)");
  CHECK(YamlError("on_error: mis\n") ==
        "f.yaml:1:11: found 'mis' for on_error.read, expected miss or error (did you mean "
        "'miss'?)");
  CHECK(YamlError("listen:\n  - 127.0.0.1\n  - 127.0.0.1:x\n") ==
        "f.yaml:3:5: found '127.0.0.1:x', expected a port from 0 to 65535 after the host");
  CHECK(YamlError("backends: [a, b:x]\n") ==
        "f.yaml:1:15: found 'b:x', expected a port from 1 to 65535 after the host");
  CHECK(YamlError("backends: [{location: a, weight: 0}]\n") ==
        "f.yaml:1:34: found '0' for backends[].weight, expected a whole number from 1 to 1000");
  CHECK(YamlError("backends: [{location: a, name: \"\"}]\n") ==
        "f.yaml:1:32: found an empty name, expected text");
  CHECK(YamlError("backends: [{name: a}]\n") ==
        "f.yaml:1:12: found a backend without location, expected {location: host:port:db}");
}

TEST_CASE("yaml: reserved names are refused until they are built") {
  int reserved = 0;
  for (const Key& key : Schema()) {
    if (key.built) continue;
    ++reserved;
    const std::string name(key.name);
    for (const std::string value : {"", " x", " [x]", " {x: y}"}) {
      CHECK(YamlError("threads: 2\n" + name + ":" + value + "\n") ==
            "f.yaml:2:1: found '" + name + "', which is not built yet, expected no such key");
    }
  }
  CHECK(reserved > 0);
  for (const Word& word : FindKey("topology")->syntax.words) {
    if (word.built) continue;
    const std::string error = YamlError("topology: " + std::string(word.text) + "\n");
    CHECK(error.starts_with("f.yaml:1:11: found '" + std::string(word.text) +
                            "' for topology, which is not built yet, expected single"));
  }
}

TEST_CASE("yaml: text that is no YAML is an error with its place") {
  CHECK(YamlError("threads: 2\n\tlog: 3\n").starts_with("f.yaml:2:1: found invalid YAML ("));
  CHECK(YamlError("listen: [a\nthreads: 2\n") ==
        "f.yaml:2:8: found invalid YAML (end of sequence flow not found), expected a valid YAML "
        "file");
  CHECK(YamlError("user: *who\n").starts_with("f.yaml:1:7: found invalid YAML ("));
  CHECK(YamlError("threads: 2\n---\nthreads: 3\n") ==
        "f.yaml:2:1: found more than one document, expected one");
  const std::string deep = YamlError("user: " + std::string(20000, '['));
  CHECK(deep.starts_with("f.yaml:1:"));
  CHECK(deep.find('\n') == std::string::npos);
}

TEST_CASE("yaml: text that the parser never comes to the end of is an error") {
  CHECK(YamlError(",") == "f.yaml:1:1: found more than one document, expected one");
  CHECK(YamlError("threads: 2\n...\n,\n") ==
        "f.yaml:3:1: found more than one document, expected one");
}

TEST_CASE("yaml: what the parser would swallow silently is an error") {
  CHECK(YamlError("key_prefix: \"app1:\nthreads: 4\n") ==
        "f.yaml:1:13: found a \" that is never closed, expected its end");
  CHECK(YamlError("user: 'it''s\n\n# end\n") ==
        "f.yaml:1:7: found a ' that is never closed, expected its end");
  CHECK(YamlError("user: \"a\\\"\n") ==
        "f.yaml:1:7: found a \" that is never closed, expected its end");
  CHECK(YamlError(std::string("user: a\x04") + "b\n") ==
        "f.yaml:1:8: found control byte '\\x04', expected UTF-8 text");
  CHECK(YamlError(std::string("user: a\n\0b\n", 11)) ==
        "f.yaml:2:1: found control byte '\\x00', expected UTF-8 text");
  CHECK(YamlError("# x\nuser: \xff\n") ==
        "f.yaml:2:1: found bytes that are not UTF-8 in this line, expected UTF-8 text");
  CHECK(YamlError("user: !secret x\n") ==
        "f.yaml:1:7: found tag '!secret', expected a plain value");
}

TEST_CASE("yaml: closed quotes over several lines are fine") {
  CHECK(FromYaml("user: 'it''s'\nkey_prefix: \"a\\\"b\n  c\"\n").key_prefix == "a\"b c");
  CHECK(FromYaml("\xef\xbb\xbfuser: 'x'\n").user == "x");
  CHECK(FromYaml("user: \"x\"\r\nthreads: 2\r\n").user == "x");
}

TEST_CASE("yaml: variables of the environment are put in, once") {
  const Environment environment{
      {"HOST", "10.0.0.1"}, {"EMPTY", ""}, {"TRICKY", "${HOST}"}, {"N", "7"}};
  const Config c = FromYaml(
      "backends: [\"${HOST}:6379:${N}\"]\n"
      "threads: ${N}\n"
      "key_prefix: \"a${EMPTY}b${TRICKY}\"\n"
      "user: \"$${HOST} $ $x\"\n",
      {}, environment);
  CHECK(c.backends.at(0).host == "10.0.0.1");
  CHECK(c.backends.at(0).db == 7);
  CHECK(c.threads == 7);
  CHECK(c.key_prefix == "ab${HOST}");
  CHECK(c.user == "${HOST} $ $x");
}

TEST_CASE("yaml: a variable that is not set is an error, and its place is told") {
  CHECK(YamlError("threads: 2\npassword: ${REDIS_PASSWORD}\n") ==
        "f.yaml:2:11: found ${REDIS_PASSWORD}, which is not set, expected a variable of the "
        "environment");
  for (const std::string text : {"${", "${}", "${A-B}", "${A", "a ${A:-b}"}) {
    CHECK(YamlError("user: \"" + text + "\"\n") ==
          "f.yaml:1:7: found '${' without a variable's name, expected ${NAME}, or $${ for the text "
          "${");
  }
}

TEST_CASE("yaml: the value of a secret is not in an error") {
  const std::string error = YamlError("password: {a: hush}\n") + YamlError("password: [hush]\n") +
                            YamlError("backends: [\"redis://u:hush@host:x\"]\n") +
                            YamlError("password: ${P}\n", {{"P", "hush\xff"}});
  CHECK(error.find("hush") == std::string::npos);
  CHECK(YamlError("password: ${P}\n", {{"P", "hush\xff"}}) ==
        "f.yaml:1:11: found bytes for password, expected UTF-8 text without NUL");
}

TEST_CASE("yaml: anchors work") {
  const Config c = FromYaml("timeouts: {connect: &t 3s, request: *t}\n");
  CHECK(c.timeouts.connect == 3000);
  CHECK(c.timeouts.request == 3000);
}

}  // namespace
}  // namespace mcrelay::config
