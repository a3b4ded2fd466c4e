#include "config/loader.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "config/compose.h"
#include "config/location.h"
#include "config/validate.h"
#include "tests/config/support.h"

namespace mcrelay::config {
namespace {

// The lines of --print-config without the columns' padding: "threads: 2 # flag -t".
std::string Printed(const LoadResult& result, const std::string& start) {
  REQUIRE_MESSAGE(result.ok(), result.message);
  const size_t at = result.text.find(start);
  if (at == std::string::npos) return "not there";
  std::string line = result.text.substr(at, result.text.find('\n', at) - at);
  for (size_t i; (i = line.find("  ")) != std::string::npos;) line.erase(i, 1);
  return line;
}

TEST_CASE("loader: flags win over the environment, that over the file, that over the default") {
  const std::string yaml = "threads: 3\nbacklog: 30\nlimits: {connections: 300}\n";
  const Environment environment{{"MCRELAY_THREADS", "2"}, {"MCRELAY_BACKLOG", "20"}};
  const Config c = FromYaml(yaml, {"-t", "1"}, environment);
  CHECK(c.threads == 1);
  CHECK(c.backlog == 20);
  CHECK(c.limits.connections == 300);
  CHECK(c.limits.in_flight == 1024);
}

TEST_CASE("loader: the origin of every value is kept") {
  const LoadResult r = LoadYaml("threads: 3\nbacklog: 30\nlimits:\n  connections: 300\n",
                                {"-t", "1", "--print-config"}, {{"MCRELAY_BACKLOG", "20"}});
  CHECK(Printed(r, "threads:") == "threads: 1 # flag -t");
  CHECK(Printed(r, "backlog:") == "backlog: 20 # environment MCRELAY_BACKLOG");
  CHECK(Printed(r, "connections:") == "connections: 300 # f.yaml:4");
  CHECK(Printed(r, "in_flight:") == "in_flight: 1024 # default");
  CHECK(Printed(r, "# file:") == "# file: f.yaml");
}

TEST_CASE("loader: derived values say what they follow from") {
  const LoadResult r =
      LoadFlags({"--print-config", "--backend", "a", "--backend", "b", "-I", "4m"});
  CHECK(Printed(r, "topology:") == "topology: shard # default, from the number of backends");
  CHECK(Printed(r, "  client_output:") ==
        " client_output: 64mb # default, 16 times limits.item_size");
  CHECK(Printed(r, "threads:").find(" # default, one per core that may be used") !=
        std::string::npos);
  CHECK(Printed(r, "backends:") == "backends: # flag --backend");
}

TEST_CASE("loader: the printed configuration loads again to the same") {
  const std::vector<std::string> flags[] = {
      {},
      {"-l", "*,[::1]:5", "-s", "/run/x y.sock", "-F", "-X", "-A", "-W", "-vv", "-M", "-m", "128"},
      {"--backend", "127.0.0.1:6379:1", "--backend", "127.0.0.1:6379:2", "-a", "0770", "-d"},
  };
  const std::string yaml =
      "key_prefix: \"a\\\"b\\\\c${TAB}$${X}\\u00e9:\"\n"
      "hash_tag: '[]'\n"
      "timeouts: {connect: 1500ms, idle: 1h}\n"
      "limits: {merge_bytes: 100000}\n"
      "on_error: {write: error}\n";
  for (std::vector<std::string> line : flags) {
    const Environment environment{{"TAB", "\t"}};
    const Config first = FromYaml(yaml, line, environment);
    line.push_back("--print-config");
    const LoadResult printed = LoadYaml(yaml, line, environment);
    INFO(printed.text);
    const Config again = FromYaml(printed.text);
    for (const Change& change : Diff(first, again)) {
      FAIL_CHECK(change.key << ": " << change.from << " became " << change.to);
    }
    CHECK(first.key_prefix == "a\"b\\c\t${X}\xc3\xa9:");
  }
}

TEST_CASE("loader: names and weights of nodes survive printing") {
  const std::string yaml =
      "backends: [{location: a, name: n, weight: 3}, b:7:2, {location: \"unix:/x:1\"}]\n";
  const LoadResult printed = LoadYaml(yaml, {"--print-config"});
  CHECK(printed.text.find("  - {location: \"a\", name: \"n\", weight: 3}\n"
                          "  - {location: \"b:7:2\"}\n"
                          "  - {location: \"unix:/x:1\"}\n") != std::string::npos);
  CHECK(Diff(FromYaml(yaml), FromYaml(printed.text)).empty());
}

TEST_CASE("loader: no secret is printed") {
  const TempFolder folder;
  const std::string file = folder.Write("secret", "from-file-hush\n");
  const LoadResult r = LoadYaml("password: ${P}\nbackends: [\"redis://u:hush1@h\", x]\n",
                                {"--print-config"}, {{"P", "hush2"}});
  REQUIRE(r.ok());
  CHECK(Printed(r, "password:") == "password: \"***\" # f.yaml:1");
  CHECK(r.text.find("redis://u:***@h") != std::string::npos);
  CHECK(r.text.find("hush") == std::string::npos);
  const LoadResult f = LoadYaml("password_file: " + file + "\nbackends: x\n", {"--print-config"});
  REQUIRE(f.ok());
  CHECK(f.text.find("hush") == std::string::npos);
  CHECK(f.text.find("\npassword:") == std::string::npos);
  CHECK(f.text.find("password_file: \"" + file + "\"") != std::string::npos);
}

TEST_CASE("loader: the password may come from a file") {
  const TempFolder folder;
  const std::string file = folder.Write("secret", "hush hush\r\n");
  const Config c =
      FromYaml("password_file: " + file + "\nusername: app\nbackends: [a, \"redis://b:p@h\"]\n");
  CHECK(c.backends.at(0).username == "app");
  CHECK(c.backends.at(0).password == "hush hush");
  CHECK(c.backends.at(1).username == "b");
  CHECK(c.backends.at(1).password == "p");
  const Config e = FromFlags({"--backend", "a"}, {{"MCRELAY_PASSWORD_FILE", file}});
  CHECK(e.backends.at(0).password == "hush hush");
}

TEST_CASE("loader: a password file that cannot be used is an error at the key") {
  const TempFolder folder;
  const std::string empty = folder.Write("empty", "\n");
  CHECK(YamlError("password_file: /no/such\n") ==
        "f.yaml:1:16: /no/such: found 'No such file or directory', expected a readable file (named "
        "by password_file)");
  CHECK(YamlError("password_file: " + empty + "\n")
            .starts_with("f.yaml:1:16: found no password in '"));
  CHECK(YamlError("password: a\npassword_file: " + empty + "\n") ==
        "f.yaml:2:16: found password_file beside password, expected one of them");
}

TEST_CASE("loader: password and password_file are one choice across the sources") {
  const TempFolder folder;
  const std::string file = folder.Write("secret", "from-file\n");
  CHECK(FromYaml("password_file: /no/such\nbackends: a\n", {}, {{"MCRELAY_PASSWORD", "p"}})
            .backends.at(0)
            .password == "p");
  CHECK(FromYaml("password: p\nbackends: a\n", {}, {{"MCRELAY_PASSWORD_FILE", file}})
            .backends.at(0)
            .password == "from-file");
}

TEST_CASE("loader: a file is read only when it is named") {
  const TempFolder folder;
  const std::string file = folder.Write("c.yaml", "threads: 7\n");
  CHECK(FromFlags({"--config", file}).threads == 7);
  CHECK(FromFlags({"--config", file}).config_file == file);
  CHECK(FromFlags({}, {{"MCRELAY_CONFIG", file}}).threads == 7);
  const std::string other = folder.Write("d.yaml", "threads: 8\n");
  CHECK(FromFlags({"--config", other}, {{"MCRELAY_CONFIG", file}}).threads == 8);
}

TEST_CASE("loader: a file that cannot be read is a configuration error") {
  CHECK(ErrorOf(LoadFlags({"--config", "/no/such.yaml"})) ==
        "/no/such.yaml: found 'No such file or directory', expected a readable file (named by "
        "--config)");
  CHECK(ErrorOf(LoadFlags({}, {{"MCRELAY_CONFIG", "/no/such.yaml"}})) ==
        "/no/such.yaml: found 'No such file or directory', expected a readable file (named by "
        "MCRELAY_CONFIG)");
  const TempFolder folder;
  CHECK(ErrorOf(LoadFlags({"--config", folder.Path("")})).find("Is a directory") !=
        std::string::npos);
  const std::string huge = folder.Write("huge", std::string((4 << 20) + 1, '#'));
  CHECK(ErrorOf(LoadFlags({"--config", huge})).find("more than 4 MB") != std::string::npos);
}

TEST_CASE("loader: the status tells a wrong command line from a wrong configuration") {
  CHECK(LoadFlags({}).exit_status() == 0);
  CHECK(LoadFlags({"-t", "0"}).exit_status() == 2);
  CHECK(LoadFlags({}, {{"MCRELAY_THREADS", "0"}}).exit_status() == 78);
  CHECK(LoadYaml("threads: 0\n").exit_status() == 78);
}

TEST_CASE("loader: relative paths start in the given folder") {
  const TempFolder folder;
  folder.Write("f.yaml", "password_file: secret\npid_file: run/pid\nlog: {file: /var/log/x}\n");
  folder.Write("secret", "hush\n");
  const std::string here = folder.Path("");
  const Environment environment{{"MCRELAY_CONFIG", "f.yaml"}};
  const LoadResult result = Load({"mcrelay", "-Y", "users"}, environment, here);
  REQUIRE_MESSAGE(result.ok(), result.message);
  CHECK(result.config.password == "hush");
  CHECK(result.config.pid_file == here + "/run/pid");
  CHECK(result.config.auth_file == here + "/users");
  CHECK(result.config.log.file == "/var/log/x");
  CHECK(Load({"mcrelay", "-Y", "users"}, {}).config.auth_file == "users");
}

TEST_CASE("loader: the admin address is off by default, its port memcached_exporter's") {
  CHECK_FALSE(LoadYaml("threads: 2\n").config.admin);
  const Config config = LoadYaml("admin: 127.0.0.1\n").config;
  REQUIRE(config.admin);
  CHECK(config.admin->host == "127.0.0.1");
  CHECK(config.admin->port == 9150);
}

TEST_CASE("loader: a combination that cannot work blames what the user wrote") {
  CHECK(YamlError("backends: [a, b]\ntopology: single\n") ==
        "f.yaml:2:11: topology: found 'single' with 2 backends, expected one backend, or topology "
        "shard");
  CHECK(YamlError("topology: shard\n") ==
        "f.yaml:1:11: topology: found 'shard' without a backend, expected backends to be named");
  CHECK(YamlError("listen: []\n") ==
        "f.yaml:1:1: listen: found an empty list, expected at least one address");
  CHECK(YamlError("listen: [127.0.0.1, \"127.0.0.1:11211\"]\n") ==
        "f.yaml:1:21: found 127.0.0.1:11211 a second time, expected it once");
  CHECK(YamlError("admin: \"unix:/run/admin\"\n") ==
        "f.yaml:1:8: admin: found \"unix:/run/admin\", expected host:port");
  CHECK(YamlError("admin: 127.0.0.1:11211\n") ==
        "f.yaml:1:8: admin: found 127.0.0.1:11211 beside 127.0.0.1:11211 of listen, expected "
        "another address");
  CHECK(YamlError("listen: [unix:/x, \"*:9150\"]\nadmin: 127.0.0.1\n") ==
        "f.yaml:2:8: admin: found 127.0.0.1:9150 beside 0.0.0.0:9150 of listen, expected another "
        "address");
  CHECK(YamlError("admin: 0.0.0.0:11211\n") ==
        "f.yaml:1:8: admin: found 0.0.0.0:11211 beside 127.0.0.1:11211 of listen, expected another "
        "address");
  CHECK(YamlError("backends: [a]\nraw_listen: 127.0.0.1:9150\nadmin: 127.0.0.1\n") ==
        "f.yaml:3:8: admin: found 127.0.0.1:9150 beside 127.0.0.1:9150 of raw_listen, expected "
        "another address");
  CHECK(
      YamlError("backends: [a]\nlisten: unix:/x\nraw_listen: unix:/x\n") ==
      "f.yaml:3:13: raw_listen: found unix:/x beside unix:/x of listen, expected another address");
  CHECK(YamlError("listen: [\"127.0.0.1:0\", \"127.0.0.2:9150\"]\nadmin: 127.0.0.1:9150\n") ==
        "no error");
  CHECK(YamlError("flush_all: prefix\n") ==
        "f.yaml:1:12: flush_all: found 'prefix' without a key_prefix, expected a key_prefix or "
        "flushdb");
  CHECK(YamlError("hash_tag: abc\n") ==
        "f.yaml:1:11: hash_tag: found 'abc', expected two characters such as \"{}\", or none");
  CHECK(YamlError("health: {probe_min: 1s}\n") ==
        "f.yaml:1:21: health.probe_min: found 1s, expected at most health.probe_max (500ms)");
  CHECK(YamlError("health: {probe_max: 20ms}\n") ==
        "f.yaml:1:21: health.probe_max: found 20ms, expected at least health.probe_min (50ms)");
  CHECK(YamlError("limits: {get_line: 2k, line: 3k}\n") ==
        "f.yaml:1:20: limits.get_line: found 2k, expected at least limits.line (3k)");
  CHECK(YamlError("backends: a\nusername: u\n") ==
        "f.yaml:1:11: found a user without a password for a backend, expected a password too "
        "(redis://:password@host has one without a user)");
  CHECK(ErrorOf(LoadYaml("backends: [a, b]\n", {"--backend", "c", "--backend", "c"})) ==
        "2 --backend: found a second node with the name 'c', expected different names");
}

TEST_CASE("loader: topology follows from the number of backends") {
  CHECK(FromFlags({}).topology == Topology::kSingle);
  CHECK(FromFlags({"--backend", "a"}).topology == Topology::kSingle);
  CHECK(FromFlags({"--backend", "a", "--backend", "b"}).topology == Topology::kShard);
  CHECK(FromYaml("backends: a\ntopology: shard\n").topology == Topology::kShard);
}

TEST_CASE(
    "loader: a node is called after host and port, or all of its location where that is not "
    "enough") {
  const Config c = FromYaml(
      "backends: [h:6379:1, h:6379:2, h:6380, \"[::1]\", \"unix:/x:1\", {location: g, name: n}]\n");
  std::vector<std::string> names;
  for (const Backend& backend : c.backends) {
    names.push_back(backend.name);
    CHECK(backend.ring_name == backend.name);
  }
  CHECK(names ==
        std::vector<std::string>{"h:6379:1", "h:6379:2", "h:6380", "[::1]:6379", "unix:/x:1", "n"});
}

TEST_CASE("loader: a given name that another node would get by default leaves that its location") {
  const Config c = FromYaml("backends: [h:6379:1, {location: g, name: \"h:6379\"}]\n");
  CHECK(c.backends.at(0).name == "h:6379:1");
  CHECK(c.backends.at(1).name == "h:6379");
}

TEST_CASE("loader: two nodes of the same name are an error at the second") {
  CHECK(YamlError("backends:\n  - {location: a, name: n}\n  - {location: b, name: n}\n") ==
        "f.yaml:3:16: found a second node with the name 'n', expected different names");
  CHECK(YamlError("backends: [h:1:1, h:1:1]\n") ==
        "f.yaml:1:19: found a second node with the name 'h:1:1', expected different names");
}

TEST_CASE(
    "loader: django-redis hashes the location as written, and shows it without the password") {
  const Config c = FromYaml(
      "distribution: django-redis\n"
      "backends: [\"127.0.0.1:6379:1\", \"redis://:hush@h:6379/1\", {location: g, name: n}]\n");
  CHECK(c.backends.at(0).ring_name == "127.0.0.1:6379:1");
  CHECK(c.backends.at(1).ring_name == "redis://:hush@h:6379/1");
  CHECK(c.backends.at(1).name == "redis://:***@h:6379/1");
  CHECK(c.backends.at(2).ring_name == "n");
}

TEST_CASE("loader: other rings never depend on a password") {
  const Config c = FromYaml("backends: [\"redis://:hush@h:6379/1\", \"redis://:hush@h:6379/2\"]\n");
  CHECK(c.backends.at(0).ring_name == "redis://:***@h:6379/1");
  CHECK(c.backends.at(1).ring_name == "redis://:***@h:6379/2");
}

TEST_CASE("loader: django-redis takes no weights, hash or hash tag") {
  const std::string head = "distribution: django-redis\n";
  CHECK(
      YamlError(head + "backends: [a, {location: b, weight: 2}]\n") ==
      "f.yaml:2:26: found a weight with distribution django-redis, expected none: its ring has no "
      "weights");
  CHECK(YamlError(head + "hash_tag: \"{}\"\n") ==
        "f.yaml:2:11: hash_tag: found '{}' with distribution django-redis, expected none: its rule "
        "is fixed");
  CHECK(YamlError(head + "hash: md5\n") ==
        "f.yaml:2:7: hash: found 'md5' with distribution django-redis, expected none: it is always "
        "SHA-256");
}

TEST_CASE("validate: with a cluster there is only database 0") {
  Settings settings = DefaultSettings();
  Setting setting;
  const Origin origin{Source::kFile, "f.yaml:1", "f.yaml:1:12"};
  ReadSetting(*FindKey("backends"), "h:6379:3", origin, &setting);
  settings["backends"] = setting;
  Config config;
  config.listen.push_back({"x", "127.0.0.1", 1, ""});
  config.backends = setting.value.backends;
  config.topology = Topology::kCluster;
  std::string message;
  try {
    Validate(config, settings);
  } catch (const Failure& failure) {
    message = failure.message;
  }
  CHECK(message ==
        "f.yaml:1:12: found database 3 with topology cluster, expected 0, the only one there is");
  config.backends[0].db = 0;
  Validate(config, settings);
}

TEST_CASE(
    "loader: warns of a wide address without authentication, and of a password without backend") {
  const Config c = FromFlags({"-l", "0.0.0.0,127.0.0.1:1"}, {{"MCRELAY_PASSWORD", "hush"}});
  REQUIRE(c.warnings.size() == 2);
  CHECK(c.warnings[0] ==
        "a password is set but no backend is named: starting the private redis-server");
  CHECK(c.warnings[1].starts_with("listening on 0.0.0.0:11211 without authentication"));
}

TEST_CASE("loader: a difference names the key, both values and whether it can change now") {
  const auto changes =
      Diff(FromYaml("threads: 2\npassword: a\nbackends: x\ntimeouts: {idle: 0}\n"),
           FromYaml("threads: 3\npassword: b\nbackends: y\ntimeouts: {idle: 5s}\n"));
  std::string text;
  for (const Change& change : changes) {
    text +=
        change.key + " " + change.from + " " + change.to + (change.live ? " live\n" : " restart\n");
  }
  CHECK(text ==
        "threads 2 3 restart\n"
        "backends [{location: \"x\"}] [{location: \"y\"}] live\n"
        "password \"***\" \"***\" live\n"
        "timeouts.idle 0 5s live\n");
}

TEST_CASE("loader: a changed password in a location or a file is a difference of the backends") {
  const auto changes =
      Diff(FromFlags({"--backend", "redis://:a@h"}), FromFlags({"--backend", "redis://:b@h"}));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].key == "backends");
  CHECK(changes[0].from == changes[0].to);
}

TEST_CASE("loader: passwords are wiped from the arguments in place") {
  std::string words[] = {"mcrelay",
                         "--backend",
                         "redis://user:hush@h:6379/1",
                         "--backend=redis://:p%40@h",
                         "redis://nobody@h",
                         "127.0.0.1:6379:1",
                         "-v"};
  char* argv[7];
  for (size_t i = 0; i < 7; ++i) argv[i] = words[i].data();
  WipeSecrets(7, argv);
  CHECK(words[2] == "redis://user:****@h:6379/1");
  CHECK(words[3] == "--backend=redis://:****@h");
  CHECK(words[4] == "redis://nobody@h");
  CHECK(words[5] == "127.0.0.1:6379:1");
}

TEST_CASE("loader: a reload with the kept arguments reads the file again") {
  const TempFolder folder;
  const std::string file = folder.Write("c.yaml", "timeouts: {request: 1s}\n");
  const std::vector<std::string> arguments{"mcrelay", "--config", file, "-t", "2"};
  const LoadResult first = Load(arguments, {});
  REQUIRE(first.ok());
  folder.Write("c.yaml", "timeouts: {request: 2s}\nthreads: 9\n");
  const LoadResult second = Load(arguments, {});
  REQUIRE(second.ok());
  const auto changes = Diff(first.config, second.config);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].key == "timeouts.request");
  folder.Write("c.yaml", "timeouts: {reqest: 2s}\n");
  CHECK(Load(arguments, {}).exit_status() == 78);
}

}  // namespace
}  // namespace mcrelay::config
