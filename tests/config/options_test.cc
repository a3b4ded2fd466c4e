#include "config/options.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "config/flags.h"
#include "config/location.h"
#include "tests/config/support.h"

namespace mcrelay::config {
namespace {

using Words = std::vector<std::string>;

std::string Listen(const Words& flags, const Environment& environment = {}) {
  std::string out;
  for (const Address& address : FromFlags(flags, environment).listen) {
    out += (out.empty() ? "" : " ") + FormatAddress(address);
  }
  return out;
}

TEST_CASE("options: no flags at all listen on loopback with the embedded store") {
  const Config c = FromFlags({});
  CHECK(Listen({}) == "127.0.0.1:11211");
  CHECK(c.embedded);
  CHECK(c.backends.empty());
  CHECK(c.threads >= 1);
  CHECK(c.warnings.empty());
}

TEST_CASE("options: memcached's own line is taken as it is") {
  const Config c =
      FromFlags({"-m",        "128", "-c",       "2048", "-t",         "4",  "-p", "11311", "-l",
                 "127.0.0.1", "-u",  "memcache", "-P",   "/run/m.pid", "-I", "2m", "-b",    "512",
                 "-U",        "0",   "-v",       "-d",   "-k",         "-r", "-M"});
  CHECK(c.embedded_memory == 128 << 20);
  CHECK(c.limits.connections == 2048);
  CHECK(c.threads == 4);
  CHECK(FormatAddress(c.listen.at(0)) == "127.0.0.1:11311");
  CHECK(c.user == "memcache");
  CHECK(c.pid_file == "/run/m.pid");
  CHECK(c.limits.item_size == 2 << 20);
  CHECK(c.backlog == 512);
  CHECK(c.verbosity == 1);
  CHECK(c.daemonize);
  CHECK(c.lock_memory);
  CHECK(c.core_dumps);
  CHECK_FALSE(c.embedded_evictions);
  CHECK(c.warnings.empty());
}

TEST_CASE("options: long names are memcached's") {
  const Config c = FromFlags({"--memory-limit=128",
                              "--conn-limit",
                              "2048",
                              "--threads=4",
                              "--port=11311",
                              "--listen=127.0.0.2",
                              "--user=m",
                              "--pidfile=/p",
                              "--max-item-size=2m",
                              "--listen-backlog=512",
                              "--udp-port=0",
                              "--verbose",
                              "--daemon",
                              "--lock-memory",
                              "--enable-coredumps",
                              "--disable-evictions",
                              "--unix-mask=755",
                              "--unix-socket=/s",
                              "--enable-shutdown",
                              "--disable-flush-all",
                              "--disable-dumping",
                              "--disable-watch",
                              "--protocol=ascii",
                              "--extended",
                              "idle_timeout=3"});
  CHECK(c.embedded_memory == 128 << 20);
  CHECK(c.unix_mask == 0755);
  CHECK(c.shutdown_enabled);
  CHECK_FALSE(c.flush_all_enabled);
  CHECK(c.flush_all == FlushAll::kDeny);
  CHECK_FALSE(c.dumps_enabled);
  CHECK(c.timeouts.idle == 3000);
  REQUIRE(c.listen.size() == 2);
  CHECK(FormatAddress(c.listen[0]) == "127.0.0.2:11311");
  CHECK(c.listen[1].unix_path == "/s");
}

TEST_CASE("options: -F -X -A switch commands, and are off unless given") {
  const Config c = FromFlags({"-F", "-X", "-A"});
  CHECK_FALSE(c.flush_all_enabled);
  CHECK_FALSE(c.dumps_enabled);
  CHECK(c.shutdown_enabled);
  const Config d = FromFlags({});
  CHECK(d.flush_all_enabled);
  CHECK(d.dumps_enabled);
  CHECK_FALSE(d.shutdown_enabled);
}

TEST_CASE("options: -p is the port of every address without one") {
  CHECK(Listen({"-p", "11311"}) == "127.0.0.1:11311");
  CHECK(Listen({"-l", "127.0.0.2"}) == "127.0.0.2:11211");
  CHECK(Listen({"-p", "1", "-l", "127.0.0.1,127.0.0.2:2", "-l", "[::1]"}) ==
        "127.0.0.1:1 127.0.0.2:2 [::1]:1");
  CHECK(Listen({"-l", "127.0.0.1,127.0.0.2:2", "-p", "1"}) == "127.0.0.1:1 127.0.0.2:2");
  CHECK(Listen({"-l", "::1", "-p", "3"}) == "[::1]:3");
  CHECK(Listen({"-l", "[::1]:4,localhost", "-p", "3"}) == "[::1]:4 localhost:3");
  CHECK(Listen({"-l", "*", "-p", "5"}) == "0.0.0.0:5");
  CHECK(Listen({"-l", "notls:127.0.0.1:7"}) == "127.0.0.1:7");
  CHECK(Listen({"-l", ",127.0.0.1,,127.0.0.2:7,"}) == "127.0.0.1:11211 127.0.0.2:7");
  CHECK(Listen({"-p", "-1"}) == "127.0.0.1:0");
  CHECK(Listen({"-l", "unix:/run/x.sock,127.0.0.1", "-p", "8"}) == "unix:/run/x.sock 127.0.0.1:8");
}

TEST_CASE("options: -p without -l keeps the hosts that are named elsewhere") {
  CHECK(Listen({"-p", "7"}, {{"MCRELAY_LISTEN", "0.0.0.0:11211"}}) == "0.0.0.0:7");
  CHECK(Listen({"-p", "7"}, {{"MCRELAY_LISTEN", "127.0.0.1:1, unix:/y, [::1]:2"}}) ==
        "127.0.0.1:7 unix:/y [::1]:7");
  CHECK(Listen({"-p", "7"}, {{"MCRELAY_LISTEN", "127.0.0.1:1, 127.0.0.1:2"}}) == "127.0.0.1:7");
  CHECK(Listen({"-p", "7"}, {{"MCRELAY_LISTEN", "unix:/y"}}) == "unix:/y 127.0.0.1:7");
  CHECK(Listen({"-p", "7", "-s", "/x"}, {{"MCRELAY_LISTEN", "*:1, unix:/y"}}) ==
        "0.0.0.0:7 unix:/x");
  CHECK(Listen({"-p", "7", "-l", "127.0.0.2"}, {{"MCRELAY_LISTEN", "*:1, unix:/y"}}) ==
        "127.0.0.2:7");
}

TEST_CASE("options: -s alone replaces TCP, and joins it when TCP is asked for") {
  CHECK(Listen({"-s", "/run/x.sock"}) == "unix:/run/x.sock");
  CHECK(Listen({"-s", "/run/x.sock", "-p", "11311"}) == "127.0.0.1:11311 unix:/run/x.sock");
  CHECK(Listen({"-s", "/run/x.sock", "-l", "127.0.0.2"}) == "127.0.0.2:11211 unix:/run/x.sock");
  CHECK(Listen({"-s", "/x", "-p", "0"}) == "unix:/x");
  CHECK(Listen({"-s", "/x", "-p", "0", "-l", "127.0.0.1"}) == "unix:/x");
  CHECK(Listen({"-s", "/x"}, {{"MCRELAY_LISTEN", "127.0.0.1:1"}}) == "unix:/x");
}

TEST_CASE("options: -p 0 leaves the Unix sockets that are named elsewhere") {
  CHECK(Listen({"-p", "0"}, {{"MCRELAY_LISTEN", "127.0.0.1:1, unix:/y"}}) == "unix:/y");
  CHECK(FlagError({"-p", "0"}) ==
        "2 -p 0: found nothing left to listen on, expected a Unix socket (-s)");
}

TEST_CASE("options: bad listen flags are usage errors") {
  for (const std::string port : {"65536", "-2", "x", "", "1x", "99999999999"}) {
    CHECK(FlagError({"-p", port}) ==
          "2 -p: found '" + port + "', expected a port from 0 to 65535, or -1");
  }
  CHECK(FlagError({"--listen", "127.0.0.1:99999"}) ==
        "2 --listen: found '127.0.0.1:99999', expected a port from 0 to 65535 after the host");
  CHECK(FlagError({"-l", ""}).starts_with("2 -l: found '', expected an address"));
  CHECK(
      FlagError({"-s", "x.sock"}) ==
      "2 -s: found 'unix:x.sock', expected unix:/path with an absolute path of at most 107 bytes");
  CHECK(FlagError({"-s", ""}) == "2 -s: found nothing, expected a path");
  CHECK(FlagError({"-l", "127.0.0.1,127.0.0.1:11211"}) ==
        "2 -l: found 127.0.0.1:11211 a second time, expected it once");
}

TEST_CASE("options: -I has memcached's bounds and suffixes") {
  CHECK(FromFlags({"-I", "1k"}).limits.item_size == 1024);
  CHECK(FromFlags({"-I", "2097152"}).limits.item_size == 2 << 20);
  CHECK(FromFlags({"-I", "1024m", "-m", "2048"}).limits.item_size == 1 << 30);
  for (const std::string size : {"1023", "1025m", "0", "x"}) {
    CHECK(FlagError({"-I", size}) == "2 -I: found '" + size +
                                         "' for limits.item_size, expected a size from 1k to 1gb "
                                         "(such as 1048576, 64k, 1mb)");
  }
}

TEST_CASE("options: -I beyond half of the embedded store is refused, as memcached does") {
  CHECK(FlagError({"-I", "33m"}) ==
        "2 -I: limits.item_size: found 33mb, expected at most half of embedded.memory (64mb)");
  CHECK(FlagError({"-m", "1"}) ==
        "2 -m: embedded.memory: found 1mb, expected at least twice limits.item_size (1mb)");
  CHECK(FromFlags({"-I", "33m", "--backend", "redis"}).limits.item_size == 33 << 20);
}

TEST_CASE("options: larger items make room in the buffers that have to hold them") {
  const Config c = FromFlags({"-I", "128m", "--backend", "redis"});
  CHECK(c.limits.client_output == 2ull << 30);
  CHECK(c.limits.node_output == 2ull << 30);
  CHECK(FromFlags({}).limits.client_output == 32 << 20);
  CHECK(YamlError("limits: {item_size: 16mb, client_output: 8mb}\nbackends: a\n") ==
        "f.yaml:1:42: limits.client_output: found 8mb, expected at least limits.item_size (16mb)");
}

TEST_CASE("options: -m counts megabytes") {
  CHECK(FromFlags({"-m", "64"}).embedded_memory == 64 << 20);
  CHECK(FromFlags({"-m", "2g"}).embedded_memory == 2ull << 30);
  CHECK(FlagError({"-m", "0"}).starts_with("2 -m: found '0mb' for embedded.memory, expected"));
  CHECK(FlagError({"-m", ""}).starts_with("2 -m: found"));
}

TEST_CASE("options: numbers are checked as in the file") {
  CHECK(FlagError({"-c", "0"}) ==
        "2 -c: found '0' for limits.connections, expected a whole number from 1 to 1000000");
  CHECK(FlagError({"--threads=0"}) ==
        "2 --threads: found '0' for threads, expected a whole number from 1 to 512 or auto");
  CHECK(FlagError({"-a", "8"}) ==
        "2 -a: found '8' for unix_mask, expected an octal number from 0000 to 0777");
  CHECK(FlagError({"-b", "x"}) ==
        "2 -b: found 'x' for backlog, expected a whole number from 1 to 65535");
}

TEST_CASE("options: the last of a repeated flag wins") {
  CHECK(FromFlags({"-t", "2", "-t", "3"}).threads == 3);
  CHECK(Listen({"-p", "0", "-p", "5"}) == "127.0.0.1:5");
}

TEST_CASE("options: more -v log more") {
  CHECK(FromFlags({}).log.level == LogLevel::kInfo);
  CHECK(FromFlags({"-v"}).log.level == LogLevel::kInfo);
  CHECK(FromFlags({"-vv"}).log.level == LogLevel::kDebug);
  CHECK(FromFlags({"-v", "-v", "--verbose"}).verbosity == 3);
  CHECK(FromYaml("log: {level: error}", {"-v"}).log.level == LogLevel::kInfo);
}

TEST_CASE("options: what has no meaning here is named in one warning") {
  const Config c =
      FromFlags({"-f", "1.25", "-n", "48", "-L", "-R", "20", "-C", "-e", "/mem", "-N", "2", "-o",
                 "no_lru_crawler,hash_algorithm=xxh3", "--slab-growth-factor=2"});
  REQUIRE(c.warnings.size() == 1);
  CHECK(c.warnings[0] ==
        "accepted without effect (of memcached's own store): -f, -n, -L, -R, -C, -e, -N, "
        "-o no_lru_crawler, -o hash_algorithm, --slab-growth-factor");
}

TEST_CASE("options: -o words") {
  CHECK(FromFlags({"-o", "idle_timeout=30,maxconns_fast"}).timeouts.idle == 30000);
  CHECK(FromFlags({"-o", "idle_timeout=0"}).timeouts.idle == 0);
  CHECK(FromFlags({"-o", "maxconns_fast"}).warnings.empty());
  CHECK(
      FromFlags({"-o", "no_maxconns_fast"}).warnings ==
      Words{"-o no_maxconns_fast: without effect: clients over the limit (-c) are always told and "
            "closed, never kept waiting"});
  CHECK(FlagError({"-o", "idle_timeout"}) ==
        "2 -o: found 'idle_timeout' without a value, expected idle_timeout=...");
  CHECK(FlagError({"-o", "idle_timeout=x"}) ==
        "2 -o idle_timeout: found 'x', expected a number of seconds");
  CHECK(FlagError({"-o", "idle_timeout=99999999"})
            .starts_with("2 -o idle_timeout: found '99999999s' for timeouts.idle, expected"));
  CHECK(FlagError({"-o", "idle_timout=3"}) ==
        "2 -o: found unknown word 'idle_timout', expected one that memcached knows (did you mean "
        "'idle_timeout'?)");
  CHECK(FlagError({"-o", "proxy_config=/x"}).starts_with("2 -o: found unknown word"));
  CHECK(FlagError({"-o", ""}).starts_with("2 -o: found unknown word ''"));
  for (const ExtendedOption& word : ExtendedOptions()) {
    const std::string text = std::string(word.name) + (word.needs_value ? "=1" : "");
    const Config c = FromFlags({"-o", text});
    CAPTURE(word.name);
    CHECK(c.warnings.size() == (word.honoured ? 0 : 1));
  }
}

TEST_CASE("options: what cannot work is refused and says why") {
  CHECK(FlagError({"-S"}) ==
        "2 -S: found a flag for SASL, expected none: SASL needs the binary protocol, and mcrelay "
        "speaks the text protocol only (-Y is its authentication)");
  CHECK(FlagError({"--enable-ssl"}) ==
        "2 --enable-ssl: found a flag for TLS, expected none: TLS is not built in");
  CHECK(FlagError({"-Z"}).starts_with("2 -Z: found a flag for TLS"));
  CHECK(FlagError({"-B", "binary"}) ==
        "2 -B: found 'binary', expected ascii or auto: mcrelay speaks the text protocol only");
  CHECK(FlagError({"-B", "x"}) == "2 -B: found 'x', expected ascii or auto");
  CHECK(FlagError({"-U", "11211"}) ==
        "2 -U: found '11211', expected 0: there is no UDP, which strangers use to amplify attacks");
  CHECK(FromFlags({"-B", "auto", "-U", "0"}).warnings.empty());
}

TEST_CASE("options: a flag whose feature is not built is refused, not taken silently") {
  for (const Flag& flag : Flags()) {
    const Key* key = FindKey(flag.key);
    if (key == nullptr || key->built) continue;
    const std::string letter = std::string("-") + char(flag.code);
    CHECK(FlagError({letter, "x"}) == "2 " + letter + ": found a flag for " +
                                          std::string(key->name) +
                                          ", which is not built yet, expected none");
    const std::string help = LoadFlags({"--help"}).text;
    const size_t row = help.find("\n  " + letter + ", ");
    REQUIRE(row != std::string::npos);
    CHECK(help.substr(row, help.find('\n', row + 1) - row).ends_with(" (not built yet)"));
  }
}

TEST_CASE("options: an unknown flag, a missing or surplus argument, a stray word") {
  CHECK(FlagError({"-z"}) == "2 -z: found an unknown flag, expected one that mcrelay --help lists");
  CHECK(FlagError({"--check-config", "-vz"}) ==
        "2 -z: found an unknown flag, expected one that mcrelay --help lists");
  CHECK(FlagError({"--confg=x"}) ==
        "2 --confg: found an unknown flag, expected one that mcrelay --help lists (did you mean "
        "--config?)");
  CHECK(FlagError({"-p"}) == "2 -p: found no argument, expected one");
  CHECK(FlagError({"--config"}) == "2 --config: found no argument, expected one");
  CHECK(FlagError({"--config="}) == "2 --config: found nothing, expected a file");
  CHECK(FlagError({"--daemon=yes"}) == "2 --daemon=yes: found an argument, expected none");
  CHECK(FlagError({"start"}) == "2 command line: found 'start', expected only flags");
  CHECK(FlagError({"--check-config", "--print-config"}) ==
        "2 --print-config: found a second action, expected one of --check-config, --print-config "
        "and --health");
}

TEST_CASE("options: reading twice gives the same, so a reload can") {
  const Words flags{"-p", "11311", "--backend", "a", "--backend", "b"};
  const Config first = FromFlags(flags);
  CHECK(FlagError({"-z"}) != "no error");
  CHECK(Diff(first, FromFlags(flags)).empty());
}

TEST_CASE("options: --backend repeats, and replaces what others say") {
  const Config c = FromFlags({"--backend", "127.0.0.1:6379:1", "--backend=unix:/run/b.sock:1"},
                             {{"MCRELAY_BACKENDS", "x,y,z"}});
  REQUIRE(c.backends.size() == 2);
  CHECK(c.backends[0].name == "127.0.0.1:6379");
  CHECK(c.backends[1].name == "unix:/run/b.sock:1");
  CHECK(c.topology == Topology::kShard);
  CHECK(FlagError({"--backend", "a:b"}) ==
        "2 --backend: found 'a:b', expected a port from 1 to 65535 after the host");
}

TEST_CASE("options: a password on the command line works and earns a warning") {
  const Config c = FromFlags({"--backend", "redis://u:hush@h:6379/1"});
  CHECK(c.backends.at(0).password == "hush");
  CHECK(c.backends.at(0).location == "redis://u:***@h:6379/1");
  REQUIRE(c.warnings.size() == 1);
  CHECK(c.warnings[0].find("password_file") != std::string::npos);
  CHECK(c.warnings[0].find("hush") == std::string::npos);
}

TEST_CASE("options: actions") {
  CHECK(LoadFlags({}).action == Action::kRun);
  CHECK(LoadFlags({"-h"}).action == Action::kHelp);
  CHECK(LoadFlags({"--help"}).action == Action::kHelp);
  CHECK(LoadFlags({"-V"}).action == Action::kVersion);
  CHECK(LoadFlags({"-i"}).action == Action::kLicense);
  CHECK(LoadFlags({"-i"}).text.find("MIT") != std::string::npos);
  CHECK(LoadFlags({"--check-config"}).action == Action::kCheck);
  CHECK(LoadFlags({"--check-config"}).text == "configuration: valid\n");
  CHECK(LoadFlags({"--print-config"}).action == Action::kPrint);
  CHECK(LoadFlags({"--check-config", "-V"}).action == Action::kVersion);
}

TEST_CASE("options: help and version need no valid configuration") {
  const Environment broken{{"MCRELAY_THREADS", "x"}, {"MCRELAY_CONFIG", "/no/such/file"}};
  CHECK(LoadFlags({"-h"}, broken).ok());
  CHECK(LoadFlags({"-V"}, broken).ok());
  CHECK(LoadFlags({"--health=127.0.0.1:1"}, broken).ok());
  CHECK_FALSE(LoadFlags({"--check-config"}, broken).ok());
}

TEST_CASE("options: --health asks the given address, or the listener") {
  const auto target = [](const Words& flags) {
    const LoadResult result = LoadFlags(flags);
    CHECK(result.action == Action::kHealth);
    return result.ok() ? FormatAddress(result.health) : result.message;
  };
  CHECK(target({"--health"}) == "127.0.0.1:11211");
  CHECK(target({"--health=127.0.0.2:1"}) == "127.0.0.2:1");
  CHECK(target({"--health", "127.0.0.2:1"}) == "127.0.0.2:1");
  CHECK(target({"--health", "unix:/x"}) == "unix:/x");
  CHECK(target({"--health=*:7"}) == "127.0.0.1:7");
  CHECK(target({"-l", "[::]:8", "--health"}) == "[::1]:8");
  CHECK(target({"-s", "/x", "--health"}) == "unix:/x");
  CHECK(FlagError({"--health", "a", "b"}) == "2 command line: found 'b', expected only flags");
  CHECK(FlagError({"--health=a:b"}) ==
        "2 --health: found 'a:b', expected a port from 0 to 65535 after the host");
}

TEST_CASE("options: --health alone asks the daemon of this runtime folder, if there is one") {
  const TempFolder folder;
  const Environment here{{"RUNTIME_DIRECTORY", folder.Path("") + ":/elsewhere"}};
  const auto target = [&](const Words& flags) {
    const LoadResult result = LoadFlags(flags, here);
    return result.ok() ? FormatAddress(result.health) : result.message;
  };
  CHECK(target({"--health"}) == "127.0.0.1:11211");
  folder.Write("listening", "0.0.0.0:11311\nunix:/run/x\n");
  CHECK(target({"--health"}) == "127.0.0.1:11311");
  CHECK(target({"--health=127.0.0.2:1"}) == "127.0.0.2:1");
  CHECK(target({"-p", "7", "--health"}) == "127.0.0.1:7");
  folder.Write("listening", "unix:/run/x\n");
  CHECK(target({"--health"}) == "unix:/run/x");
  folder.Write("listening", "");
  CHECK(target({"--health"}) == "127.0.0.1:11211");
}

TEST_CASE("options: -D is a character") {
  CHECK(FromFlags({}).prefix_delimiter == '\0');
  CHECK(FromFlags({"-D", "/"}).prefix_delimiter == '/');
  CHECK(FromFlags({"-D", "./"}).prefix_delimiter == '.');
  CHECK(FlagError({"-D", ""}) == "2 -D: found nothing, expected a character");
}

TEST_CASE("options: --help lists every flag, every built key and every word of -o") {
  const std::string help = LoadFlags({"--help"}).text;
  for (const Flag& flag : Flags()) {
    CAPTURE(flag.help);
    if (!flag.name.empty()) CHECK(help.find("--" + std::string(flag.name)) != std::string::npos);
    if (flag.HasLetter()) {
      CHECK(help.find(std::string("  -") + char(flag.code)) != std::string::npos);
    }
  }
  for (const Key& key : Schema()) {
    if (!key.IsSetting()) continue;
    const bool listed = help.find("\n  " + std::string(key.name) + " ") != std::string::npos;
    CAPTURE(key.name);
    CHECK(listed == key.built);
  }
  for (const ExtendedOption& word : ExtendedOptions()) {
    CHECK(help.find(std::string(word.name)) != std::string::npos);
  }
}

TEST_CASE("options: the table has memcached 1.6's letters, each once") {
  std::set<char> letters;
  for (const Flag& flag : Flags()) {
    if (flag.HasLetter()) CHECK(letters.insert(static_cast<char>(flag.code)).second);
  }
  const std::string memcached = "ABCDFILMNPRSUVWXYZabcdefhiklmnoprstuv";
  CHECK(std::string(letters.begin(), letters.end()) == memcached);
}

}  // namespace
}  // namespace mcrelay::config
