#include "config/environment.h"

#include <doctest/doctest.h>

#include <string>

#include "config/location.h"
#include "tests/config/support.h"

namespace mcrelay::config {
namespace {

TEST_CASE("environment: every key can be set by its name") {
  const Config c = FromFlags({}, {{"MCRELAY_LISTEN", "127.0.0.1:1, unix:/x"},
                                  {"MCRELAY_BACKENDS", "127.0.0.1:6379:1,127.0.0.1:6380:1"},
                                  {"MCRELAY_THREADS", "2"},
                                  {"MCRELAY_TIMEOUTS_CONNECT", "1s"},
                                  {"MCRELAY_LIMITS_ITEM_SIZE", "2mb"},
                                  {"MCRELAY_ON_ERROR_WRITE", "error"},
                                  {"MCRELAY_LOG_FORMAT", "json"},
                                  {"MCRELAY_PASSWORD", "hush"},
                                  {"MCRELAY_EMBEDDED_EVICTIONS", "false"}});
  REQUIRE(c.listen.size() == 2);
  CHECK(FormatAddress(c.listen[1]) == "unix:/x");
  REQUIRE(c.backends.size() == 2);
  CHECK(c.backends[1].name == "127.0.0.1:6380");
  CHECK(c.backends[1].password == "hush");
  CHECK(c.threads == 2);
  CHECK(c.timeouts.connect == 1000);
  CHECK(c.limits.item_size == 2 << 20);
  CHECK(c.on_error_write == OnError::kError);
  CHECK(c.on_error_read == OnError::kMiss);
  CHECK(c.log.format == LogFormat::kJson);
  CHECK_FALSE(c.embedded_evictions);
  CHECK(c.warnings.empty());
}

TEST_CASE("environment: MCRELAY_ON_ERROR sets what no variable of its own sets") {
  const Config c =
      FromFlags({}, {{"MCRELAY_ON_ERROR", "error"}, {"MCRELAY_ON_ERROR_READ", "miss"}});
  CHECK(c.on_error_read == OnError::kMiss);
  CHECK(c.on_error_write == OnError::kError);
  CHECK(c.on_error_delete == OnError::kError);
}

TEST_CASE("environment: errors name the variable and are configuration errors") {
  CHECK(VariableError({{"MCRELAY_THREADS", "x"}}) ==
        "environment MCRELAY_THREADS: found 'x' for threads, expected a whole number from 1 to 512 "
        "or auto");
  CHECK(VariableError({{"MCRELAY_BACKENDS", "a,,b"}})
            .starts_with("environment MCRELAY_BACKENDS: found '', expected a backend location"));
  CHECK(VariableError({{"MCRELAY_BACKENDS", "a,a"}}) ==
        "environment MCRELAY_BACKENDS: found a second node with the name 'a', expected different "
        "names");
  CHECK(VariableError({{"MCRELAY_POOLS", "a"}}) ==
        "environment MCRELAY_POOLS: found 'pools', which is not built yet, expected no such key");
  CHECK(VariableError({{"MCRELAY_TLS", "on"}}) ==
        "environment MCRELAY_TLS: found 'tls', which is not built yet, expected no such key");
  CHECK(VariableError({{"REDIS_URL", "rediss://h"}})
            .starts_with("environment REDIS_URL: found rediss://"));
  CHECK(VariableError({{"MCRELAY_ON_ERROR", "x"}})
            .starts_with("environment MCRELAY_ON_ERROR: found 'x' for on_error.read"));
}

TEST_CASE("environment: an empty variable counts as not set") {
  const Config c = FromYaml("threads: 3\n", {},
                            {{"MCRELAY_THREADS", ""},
                             {"MCRELAY_BACKENDS", ""},
                             {"MCRELAY_CONFIG", ""},
                             {"MCRELAY_NOSUCH", ""},
                             {"REDIS_URL", ""}});
  CHECK(c.threads == 3);
  CHECK(c.embedded);
  CHECK(c.warnings.empty());
}

TEST_CASE("environment: an unknown name is a warning with the nearest name") {
  const Config c =
      FromFlags({}, {{"MCRELAY_THREAD", "2"}, {"MCRELAY_VERSION_TAG", "1"}, {"MC", "x"}});
  REQUIRE(c.warnings.size() == 2);
  CHECK(c.warnings[0] ==
        "environment MCRELAY_THREAD: no such setting, ignored (did you mean MCRELAY_THREADS?)");
  CHECK(c.warnings[1] == "environment MCRELAY_VERSION_TAG: no such setting, ignored");
}

TEST_CASE("environment: Kubernetes' variables for a service called mcrelay do no harm") {
  const Config c = FromFlags({}, {{"MCRELAY_PORT", "tcp://10.0.0.1:11211"},
                                  {"MCRELAY_PORT_11211_TCP", "tcp://10.0.0.1:11211"},
                                  {"MCRELAY_PORT_11211_TCP_ADDR", "10.0.0.1"},
                                  {"MCRELAY_PORT_11211_TCP_PORT", "11211"},
                                  {"MCRELAY_PORT_11211_TCP_PROTO", "tcp"},
                                  {"MCRELAY_SERVICE_HOST", "10.0.0.1"},
                                  {"MCRELAY_SERVICE_PORT", "11211"},
                                  {"MCRELAY_SERVICE_PORT_MEMCACHE", "11211"},
                                  {"MCRELAY_ADMIN_PORT", "tcp://10.0.0.2:9150"},
                                  {"MCRELAY_ADMIN_SERVICE_HOST", "10.0.0.2"}});
  CHECK(c.warnings.empty());
  CHECK(FormatAddress(c.listen.at(0)) == "127.0.0.1:11211");
  CHECK_FALSE(IsServiceLink("MCRELAY_THREADS", "2"));
  CHECK_FALSE(IsServiceLink("MCRELAY_PORT", "11211"));
  CHECK_FALSE(IsServiceLink("MCRELAY_PORT_X_TCP", "1"));
  CHECK_FALSE(IsServiceLink("MCRELAY_PORT_1_FOO", "1"));
  CHECK_FALSE(IsServiceLink("MCRELAY_TCP", "1"));
  CHECK_FALSE(IsServiceLink("MCRELAY_", "1"));
  CHECK_FALSE(IsServiceLink("MCRELAY_SERVICE", "1"));
  CHECK_FALSE(IsServiceLink("OTHER_SERVICE_HOST", "x"));
}

TEST_CASE("environment: no key of the schema looks like a service link") {
  for (const Key& key : Schema()) {
    CAPTURE(key.name);
    CHECK_FALSE(IsServiceLink(EnvironmentName(key), "x"));
  }
}

TEST_CASE("environment: REDIS_URL names a backend when nothing else does") {
  const Environment url{{"REDIS_URL", "redis://:hush@h:6380/2"}};
  const Config c = FromFlags({}, url);
  REQUIRE(c.backends.size() == 1);
  CHECK(c.backends[0].name == "h:6380");
  CHECK(c.backends[0].db == 2);
  CHECK(c.backends[0].password == "hush");
  CHECK_FALSE(c.embedded);
  CHECK(FromFlags({"--backend", "x"}, url).backends.at(0).host == "x");
  CHECK(FromYaml("backends: [y]\n", {}, url).backends.at(0).host == "y");
  CHECK(FromYaml("backends: []\n", {}, url).backends.at(0).host == "h");
}

TEST_CASE("environment: MEMCACHED_PORT_FILENAME is kept for the daemon") {
  CHECK(FromFlags({}, {{"MEMCACHED_PORT_FILENAME", "/tmp/ports"}}).port_file == "/tmp/ports");
  CHECK(FromFlags({}).port_file.empty());
}

TEST_CASE("environment: main's block is read as getenv reads it") {
  const char* block[] = {"A=1", "B=x=y", "A=2", "nothing", "C=", nullptr};
  const Environment environment = ReadEnvironment(block);
  CHECK(environment == Environment{{"A", "1"}, {"B", "x=y"}, {"C", ""}});
}

}  // namespace
}  // namespace mcrelay::config
