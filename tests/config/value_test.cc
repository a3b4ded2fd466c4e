#include "config/value.h"

#include <doctest/doctest.h>

#include <string>

#include "config/text.h"

namespace mcrelay::config {
namespace {

// The number that `text` means for the key, or the error.
std::string Read(const std::string& name, const std::string& text) {
  Value value;
  const std::string error = ReadValue(*FindKey(name), text, &value);
  return error.empty() ? std::to_string(value.number) : error;
}
// How the value would be printed.
std::string Again(const std::string& name, const std::string& text) {
  const Key& key = *FindKey(name);
  Value value;
  const std::string error = ReadValue(key, text, &value);
  return error.empty() ? FormatValue(key, value) : error;
}

TEST_CASE("value: sizes take k, m and g in any usual spelling") {
  CHECK(Read("limits.item_size", "1048576") == "1048576");
  CHECK(Read("limits.item_size", "64k") == "65536");
  CHECK(Read("limits.item_size", "1mb") == "1048576");
  CHECK(Read("limits.item_size", "1MiB") == "1048576");
  CHECK(Read("limits.item_size", "2M") == "2097152");
  CHECK(Read("limits.item_size", "1g") == "1073741824");
  CHECK(Read("limits.item_size", "2048b") == "2048");
}

TEST_CASE("value: a bad size is named with its range") {
  const std::string expected =
      " for limits.item_size, expected a size from 1k to 1gb (such as 1048576, 64k, 1mb)";
  for (const std::string text : {"", "k", "-1k", "1.5m", "1 mb", "1mbb", "1t", "0", "1023", "2g",
                                 "99999999999999999999", "18446744073709551615g", "0x400"}) {
    CHECK(Read("limits.item_size", text) == "found '" + text + "'" + expected);
  }
}

TEST_CASE("value: durations need a unit, except zero") {
  CHECK(Read("timeouts.idle", "0") == "0");
  CHECK(Read("timeouts.idle", "250ms") == "250");
  CHECK(Read("timeouts.idle", "5s") == "5000");
  CHECK(Read("timeouts.idle", "2m") == "120000");
  CHECK(Read("timeouts.idle", "1h") == "3600000");
  CHECK(Read("timeouts.idle", "1D") == "86400000");
  const std::string expected =
      " for timeouts.connect, expected a duration from 1ms to 10m (such as 250ms, 5s, 1m)";
  for (const std::string text : {"", "250", "0", "0ms", "5 s", "-5s", "1.5s", "s", "5sec", "11m"}) {
    CHECK(Read("timeouts.connect", text) == "found '" + text + "'" + expected);
  }
}

TEST_CASE("value: whole numbers have a range, and threads a word") {
  CHECK(Read("threads", "auto") == "0");
  CHECK(Read("threads", "512") == "512");
  for (const std::string text : {"0", "513", "-1", "+1", "four", "1.0", "Auto", ""}) {
    CHECK(Read("threads", text) ==
          "found '" + text + "' for threads, expected a whole number from 1 to 512 or auto");
  }
  CHECK(Read("backlog", "auto") ==
        "found 'auto' for backlog, expected a whole number from 1 to 65535");
}

TEST_CASE("value: switches are words") {
  for (const char* text : {"true", "yes", "on", "True", "ON"}) {
    CHECK(Read("daemonize", text) == "1");
  }
  for (const char* text : {"false", "no", "off"}) CHECK(Read("daemonize", text) == "0");
  CHECK(Read("daemonize", "1") == "found '1' for daemonize, expected true or false");
}

TEST_CASE("value: modes are octal") {
  CHECK(Read("unix_mask", "0700") == "448");
  CHECK(Read("unix_mask", "777") == "511");
  for (const std::string text : {"1000", "8", "rwx", "", "-7"}) {
    CHECK(Read("unix_mask", text) ==
          "found '" + text + "' for unix_mask, expected an octal number from 0000 to 0777");
  }
}

TEST_CASE("value: a word is one of its list, with the nearest as a hint") {
  CHECK(Read("flush_all", "deny") == "3");
  CHECK(Read("flush_all", "flushbd") ==
        "found 'flushbd' for flush_all, expected auto, flushdb, prefix or deny "
        "(did you mean 'flushdb'?)");
  CHECK(Read("flush_all", "never") ==
        "found 'never' for flush_all, expected auto, flushdb, prefix or deny");
  CHECK(
      Read("flush_all", "Deny") ==
      "found 'Deny' for flush_all, expected auto, flushdb, prefix or deny (did you mean 'deny'?)");
}

TEST_CASE("value: a word whose feature is not there yet says so") {
  Key key = *FindKey("topology");
  key.syntax.words = {{"single"}, {"shard"}, {"star", false}};
  Value value;
  CHECK(ReadValue(key, "star", &value) ==
        "found 'star' for topology, which is not built yet, expected single or shard");
  CHECK(ReadValue(key, "shard", &value).empty());
}

TEST_CASE("value: text is UTF-8, and a bad secret is not repeated") {
  CHECK(Read("key_prefix", "a\xff") ==
        "found 'a\\xFF' for key_prefix, expected UTF-8 text without NUL");
  CHECK(Read("password", "hush\xff") ==
        "found bytes for password, expected UTF-8 text without NUL");
  CHECK(Again("password", "hush") == "\"***\"");
  CHECK(Again("password", "") == "\"\"");
}

TEST_CASE("value: what is printed reads back as the same") {
  const std::pair<const char*, const char*> same[] = {
      {"limits.item_size", "1mb"}, {"limits.item_size", "1025"},
      {"limits.item_size", "1gb"}, {"limits.line", "3k"},
      {"timeouts.idle", "0"},      {"timeouts.idle", "1500ms"},
      {"timeouts.idle", "90s"},    {"timeouts.idle", "2m"},
      {"timeouts.idle", "30d"},    {"unix_mask", "0750"},
      {"daemonize", "true"},       {"hash", "crc32a"},
      {"value_format", "plain"},   {"backlog", "7"},
  };
  for (const auto& [name, text] : same) CHECK(Again(name, text) == text);
}

TEST_CASE("text: a quoted value stays on one line and is cut when long") {
  CHECK(Quote("a\nb\x7f") == "'a\\x0Ab\\x7F'");
  CHECK(Quote("na\xc3\xafve") == "'na\xc3\xafve'");
  CHECK(Quote(std::string(61, 'a')) == "'" + std::string(60, 'a') + "'...");
  const std::string wide = std::string(59, 'a') + "\xc3\xaf" + "b";
  CHECK(Quote(wide) == "'" + std::string(59, 'a') + "'...");
}

TEST_CASE("text: YAML quoting keeps variables from being expanded") {
  CHECK(QuoteYaml("a\"b\\c\td") == "\"a\\\"b\\\\c\\x09d\"");
  CHECK(QuoteYaml("${A} $x") == "\"$${A} $x\"");
}

TEST_CASE("text: broken UTF-8 is found") {
  for (const char* text : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    CHECK(IsUtf8(text));
  }
  for (const char* text : {"\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80",
                           "\xf4\x90\x80\x80", "\xf0\x8f\xbf\xbf", "a\xe2\x82"}) {
    CAPTURE(Quote(text));
    CHECK_FALSE(IsUtf8(text));
  }
}

TEST_CASE("text: the nearest name is one typing mistake away, not any name") {
  CHECK(Nearest("timeout", {"threads", "timeouts"}) == "timeouts");
  CHECK(Nearest("htreads", {"threads", "timeouts"}) == "threads");
  CHECK(Nearest("xyz", {"threads", "log"}).empty());
  CHECK(Nearest("a", {"b"}).empty());
  CHECK(Nearest(std::string(200, 'a'), {"a"}).empty());
}

}  // namespace
}  // namespace mcrelay::config
