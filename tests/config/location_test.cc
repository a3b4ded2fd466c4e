#include "config/location.h"

#include <doctest/doctest.h>

#include <string>

namespace mcrelay::config {
namespace {

// host|port|unix path|db|user|password
std::string Parts(const std::string& text) {
  Backend b;
  const std::string error = ParseBackend(text, &b);
  if (!error.empty()) return error;
  return b.host + "|" + std::to_string(b.port) + "|" + b.unix_path + "|" + std::to_string(b.db) +
         "|" + b.username + "|" + b.password;
}

std::string BackendError(const std::string& text) {
  Backend backend;
  const std::string error = ParseBackend(text, &backend);
  return error.empty() ? "no error" : error;
}

std::string AddressOf(const std::string& text) {
  Address address;
  const std::string error = ParseAddress(text, 11211, &address);
  return error.empty() ? FormatAddress(address) : error;
}

TEST_CASE("location: host, port and database, the last two with defaults") {
  CHECK(Parts("127.0.0.1:6380:3") == "127.0.0.1|6380||3||");
  CHECK(Parts("127.0.0.1:6380") == "127.0.0.1|6380||0||");
  CHECK(Parts("cache-1.example.org") == "cache-1.example.org|6379||0||");
  CHECK(Parts("redis_1:65535:2147483647") == "redis_1|65535||2147483647||");
}

TEST_CASE("location: IPv6 stands in brackets") {
  CHECK(Parts("[::1]:6379:1") == "::1|6379||1||");
  CHECK(Parts("[fe80::1%eth0]") == "fe80::1%eth0|6379||0||");
  CHECK(BackendError("::1") ==
        "found '::1', expected an IPv6 address in brackets, such as [::1]:6379:1");
}

TEST_CASE("location: a Unix socket, then the database") {
  CHECK(Parts("unix:/run/redis/redis.sock:1") == "|6379|/run/redis/redis.sock|1||");
  CHECK(Parts("unix:/run/redis/redis.sock") == "|6379|/run/redis/redis.sock|0||");
  CHECK(Parts("unix:///run/redis.sock?db=4") == "|6379|/run/redis.sock|4||");
  CHECK(Parts("unix://u:p%40@/run/redis.sock") == "|6379|/run/redis.sock|0|u|p@");
}

TEST_CASE("location: redis URLs are percent-decoded") {
  CHECK(Parts("redis://user:pass@host:6380/2") == "host|6380||2|user|pass");
  CHECK(Parts("redis://:p%40%3A%2f%25@host") == "host|6379||0||p@:/%");
  CHECK(Parts("redis://host/") == "host|6379||0||");
  CHECK(Parts("redis://host:6379?db=7") == "host|6379||7||");
  CHECK(Parts("redis://[::1]:6380/1") == "::1|6380||1||");
  CHECK(Parts("redis://u:a@b@host") == "host|6379||0|u|a@b");
}

TEST_CASE("location: what cannot be meant is refused with an example") {
  const std::string expected =
      "expected a backend location such as 127.0.0.1:6379:1 (host:port:db), [::1]:6379:1, "
      "unix:/run/redis/redis.sock:1 or redis://host:6379/1";
  for (const std::string text : {"", ":6379", "a b", "host:1:2:3", "300.1.1.1", "1.2.3", "[::1",
                                 "[1.2.3.4]:1", "[::1]x", "/run/redis.sock", "a,b"}) {
    CHECK(BackendError(text) == "found '" + text + "', " + expected);
  }
  for (const std::string& text : {std::string("[::\0x]", 6), std::string("[::1%]"),
                                  std::string("[::1%a b]"), std::string("[::1%e\0]", 8)}) {
    CHECK(BackendError(text).ends_with(expected));
  }
  CHECK(BackendError("host:0") == "found 'host:0', expected a port from 1 to 65535 after the host");
  CHECK(BackendError("host:65536") ==
        "found 'host:65536', expected a port from 1 to 65535 after the host");
  CHECK(BackendError("host:") == "found 'host:', expected a port from 1 to 65535 after the host");
  CHECK(BackendError("host:6379:x") ==
        "found 'host:6379:x', expected a database number after the port");
  CHECK(BackendError("host:6379:-1") ==
        "found 'host:6379:-1', expected a database number after the port");
  CHECK(BackendError("host:6379:2147483648") ==
        "found 'host:6379:2147483648', expected a database number after the port");
  CHECK(
      BackendError("unix:redis.sock") ==
      "found 'unix:redis.sock', expected unix:/path:db with an absolute path of at most 107 bytes");
  CHECK(BackendError("unix:/a:b") ==
        "found 'unix:/a:b', expected a database number after the path: unix:/path:db");
  CHECK(BackendError("redis://host/x") ==
        "found 'redis://host/x', expected a database number after the slash");
  CHECK(BackendError("redis://host?timeout=1") ==
        "found 'redis://host?timeout=1', expected no parameter but ?db=N with a database number");
  CHECK(BackendError("redis:///1") ==
        "found 'redis:///1', expected redis://user:password@host:6379/db");
}

TEST_CASE("location: a socket path is limited by the kernel's structure") {
  const std::string longest = "/" + std::string(106, 'x');
  CHECK(Parts("unix:" + longest) == "|6379|" + longest + "|0||");
  CHECK(BackendError("unix:" + longest + "x").find("at most 107 bytes") != std::string::npos);
  CHECK(AddressOf("unix:" + longest) == "unix:" + longest);
  CHECK(AddressOf("unix:" + longest + "x").find("at most 107 bytes") != std::string::npos);
}

TEST_CASE("location: TLS is named as missing") {
  CHECK(
      BackendError("rediss://u:secret@host/1") ==
      "found rediss://, which asks for TLS (TLS not built in), expected redis:// or host:port:db");
}

TEST_CASE("location: no error repeats a password") {
  for (const std::string text :
       {"redis://u:secret@host:x", "redis://u:secret@", "redis://u:se%zzcret@host",
        "redis://u:sec/ret@host", "redis://u:secret@host/1?x=2", "unix://u:secret@x/y",
        "redis://secret@ho st", "rediss://u:secret@host", "redis://u:secret%4@host"}) {
    const std::string error = BackendError(text);
    CAPTURE(error);
    CHECK(error.starts_with("found "));
    CHECK(error.find("sec") == std::string::npos);
    CHECK(error.find("cret") == std::string::npos);
  }
  CHECK(BackendError("redis://u:se/cret@host") ==
        "found 'redis://***@host', expected %2F, %3F and %23 for / ? and # in a user or password");
}

TEST_CASE("location: the shown form masks the password, the ring's form is as written") {
  Backend b;
  REQUIRE(ParseBackend("redis://user:pass@host:6380/2", &b).empty());
  CHECK(b.location == "redis://user:***@host:6380/2");
  CHECK(b.ring_name == "redis://user:pass@host:6380/2");
  REQUIRE(ParseBackend("redis://:p@host", &b).empty());
  CHECK(b.location == "redis://:***@host");
  REQUIRE(ParseBackend("unix:///run/a:b@c.sock", &b).empty());
  CHECK(b.location == "unix:///run/a:b@c.sock");
  REQUIRE(ParseBackend("127.0.0.1:6379:1", &b).empty());
  CHECK(b.location == "127.0.0.1:6379:1");
}

TEST_CASE("address: hosts, ports, both kinds of IPv6, every address and sockets") {
  CHECK(AddressOf("127.0.0.1:11311") == "127.0.0.1:11311");
  CHECK(AddressOf("localhost") == "localhost:11211");
  CHECK(AddressOf("[::1]:11311") == "[::1]:11311");
  CHECK(AddressOf("[::]") == "[::]:11211");
  CHECK(AddressOf("::1") == "[::1]:11211");
  CHECK(AddressOf("*") == "0.0.0.0:11211");
  CHECK(AddressOf("*:11311") == "0.0.0.0:11311");
  CHECK(AddressOf("127.0.0.1:0") == "127.0.0.1:0");
  CHECK(AddressOf("unix:/run/mcrelay.sock") == "unix:/run/mcrelay.sock");
}

TEST_CASE("address: errors say what was found") {
  const std::string expected =
      ", expected an address such as 127.0.0.1:11211, [::1]:11211, localhost, * or unix:/path";
  CHECK(AddressOf("") == "found ''" + expected);
  CHECK(AddressOf("1.2.3") == "found '1.2.3'" + expected);
  CHECK(AddressOf("a b") == "found 'a b'" + expected);
  CHECK(AddressOf("/run/x.sock") == "found '/run/x.sock'" + expected);
  CHECK(AddressOf("host:65536") ==
        "found 'host:65536', expected a port from 0 to 65535 after the host");
  CHECK(AddressOf("host:1:2") ==
        "found 'host:1:2', expected a port from 0 to 65535 after the host");
  CHECK(AddressOf("unix:run") ==
        "found 'unix:run', expected unix:/path with an absolute path of at most 107 bytes");
  CHECK(AddressOf("unix") ==
        "found 'unix', expected unix:/path with an absolute path of at most 107 bytes");
}

TEST_CASE("address: loopback is what only this machine can reach") {
  Address a;
  for (const char* text : {"127.0.0.1", "127.1.2.3:1", "::1", "[::1]:3", "localhost", "unix:/x"}) {
    CAPTURE(text);
    REQUIRE(ParseAddress(text, 11211, &a).empty());
    CHECK(IsLoopback(a));
  }
  for (const char* text : {"0.0.0.0", "*", "[::]", "10.0.0.1", "127.evil.example", "host"}) {
    CAPTURE(text);
    REQUIRE(ParseAddress(text, 11211, &a).empty());
    CHECK_FALSE(IsLoopback(a));
  }
}

TEST_CASE("address: two spellings of one place are equal") {
  Address a;
  Address b;
  REQUIRE(ParseAddress("[::1]:11211", 11211, &a).empty());
  REQUIRE(ParseAddress("::1", 11211, &b).empty());
  CHECK(a == b);
  REQUIRE(ParseAddress("::1", 11212, &b).empty());
  CHECK_FALSE(a == b);
}

}  // namespace
}  // namespace mcrelay::config
