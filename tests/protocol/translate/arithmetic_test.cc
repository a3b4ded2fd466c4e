// incr and decr against a reference that shares nothing with the script: 64-bit and 128-bit
// integers.

#include <doctest/doctest.h>

#include <optional>
#include <random>

#include "tests/protocol/translate/both_formats.h"

namespace mcrelay::testing {
namespace {

constexpr std::string_view kNonNumeric =
    "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";

std::string Set(const std::string& value, int flags, int exptime) {
  return "set n " + std::to_string(flags) + " " + std::to_string(exptime) + " " +
         std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

std::string Got(const std::string& value, int flags) {
  return "VALUE n " + std::to_string(flags) + " " + std::to_string(value.size()) + "\r\n" + value +
         "\r\nEND\r\n";
}

// Numbers of every length, and those around the ends and the script's change of method.
uint64_t RandomNumber(std::mt19937_64* random) {
  constexpr uint64_t kEdges[] = {0,
                                 1,
                                 9,
                                 10,
                                 999999999999999,
                                 1000000000000000,
                                 9999999,
                                 10000000,
                                 99999999999999,
                                 100000000000000,
                                 9007199254740991,
                                 9007199254740993,
                                 UINT64_MAX,
                                 UINT64_MAX - 1,
                                 UINT64_MAX / 2,
                                 UINT64_MAX / 2 + 1,
                                 18446744073700000000u,
                                 18446744060000000000u};
  constexpr size_t kCount = sizeof kEdges / sizeof *kEdges;
  switch ((*random)() % 4) {
    case 0:
      return kEdges[(*random)() % kCount];
    case 1:
      return kEdges[(*random)() % kCount] + (*random)() % 20 - 10;
    default:
      return (*random)() >> (*random)() % 64;
  }
}

uint64_t Expected(bool increment, uint64_t value, uint64_t delta) {
  const unsigned __int128 wide = static_cast<unsigned __int128>(value) + delta;
  if (increment) return static_cast<uint64_t>(wide % (static_cast<unsigned __int128>(1) << 64));
  return value > delta ? value - delta : 0;
}

TEST_CASE("arithmetic: 6,000 random additions and subtractions match 64-bit integers") {
  std::mt19937_64 random(20240229);
  int wrapped = 0;
  int floored = 0;
  InBothFormats([&](Relay& relay) {
    for (int i = 0; i < 3000; ++i) {
      const uint64_t value = RandomNumber(&random);
      const uint64_t delta = RandomNumber(&random);
      const bool increment = random() % 2 == 0;
      const int flags = random() % 3 == 0 ? 7 : 0;
      const int exptime = random() % 3 == 0 ? 1000 : 0;
      const uint64_t result = Expected(increment, value, delta);
      wrapped += increment && result < value;
      floored += !increment && value < delta;
      const std::string line =
          std::string(increment ? "incr n " : "decr n ") + std::to_string(delta) + "\r\n";
      CAPTURE(value);
      CAPTURE(line);
      const std::string answer =
          relay.Send(Set(std::to_string(value), flags, exptime) + line + "get n\r\n");
      CHECK(answer ==
            "STORED\r\n" + std::to_string(result) + "\r\n" + Got(std::to_string(result), flags));
      const int64_t ttl = relay.redis().Do({"TTL", "n"}).integer;
      CHECK((exptime == 0 ? ttl == -1 : ttl > 990));
    }
  });
  CHECK(wrapped > 100);
  CHECK(floored > 100);
}

// strtoull()'s idea of a number, as memcached asks it: the value followed by \r\n.
std::optional<uint64_t> ReferenceNumber(const std::string& value) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  size_t at = 0;
  while (at < value.size() && is_space(value[at])) ++at;
  bool negative = false;
  if (at < value.size() && (value[at] == '+' || value[at] == '-')) negative = value[at++] == '-';
  const size_t first = at;
  unsigned __int128 number = 0;
  for (; at < value.size() && value[at] >= '0' && value[at] <= '9'; ++at) {
    number = number * 10 + (value[at] - '0');
    if (number > UINT64_MAX) return std::nullopt;
  }
  if (at == first) return std::nullopt;
  if (at < value.size() && !is_space(value[at])) return std::nullopt;
  if (negative && number != 0) return std::nullopt;
  return static_cast<uint64_t>(number);
}

TEST_CASE("arithmetic: what counts as a number is what memcached takes for one") {
  std::mt19937_64 random(7);
  std::vector<std::string> values = {"",
                                     " ",
                                     "-1",
                                     "1.5",
                                     "12abc",
                                     "+5",
                                     " 7",
                                     "7 ",
                                     "007",
                                     "12 34",
                                     "+ 5",
                                     "++5",
                                     "0x10",
                                     "-0",
                                     "\t5",
                                     "5\t6",
                                     "5\n",
                                     "1e3",
                                     "18446744073709551615",
                                     "18446744073709551616",
                                     "00000000000000000000000000000012",
                                     "99999999999999999999",
                                     "184467440737095516150",
                                     "0",
                                     "-",
                                     "+"};
  constexpr std::string_view kAlphabet = "0123456789 +-\tx";
  for (int i = 0; i < 1500; ++i) {
    std::string value;
    for (size_t bytes = random() % 24; bytes > 0; --bytes) {
      value +=
          random() % 4 == 0 ? kAlphabet[random() % kAlphabet.size()] : kAlphabet[random() % 10];
    }
    values.push_back(value);
  }
  int numbers = 0;
  InBothFormats([&](Relay& relay) {
    for (const auto& value : values) {
      CAPTURE(value);
      const auto number = ReferenceNumber(value);
      numbers += number.has_value();
      const std::string answer = relay.Send(Set(value, 0, 0) + "incr n 1\r\nget n\r\n");
      if (number) {
        const std::string result = std::to_string(*number + 1);
        CHECK(answer == "STORED\r\n" + result + "\r\n" + Got(result, 0));
      } else {
        CHECK(answer == "STORED\r\n" + std::string(kNonNumeric) + Got(value, 0));
      }
    }
  });
  CHECK(numbers > 300);
}

TEST_CASE("arithmetic: a number grows and shrinks in place, its neighbours in the item stay") {
  const RedisServer server;
  Relay relay(server);
  relay.Send("ms n 1 F4294967295 T500 b\r\n9\r\n");
  const std::string before = relay.Send("set n 4294967295 500 1\r\n9\r\nmd n I\r\n");
  CHECK(before == "STORED\r\nHD\r\n");
  CHECK(relay.Send("incr n 1\r\nincr n 990\r\ndecr n 999\r\n") == "10\r\n1000\r\n1\r\n");
  const std::string stored = relay.redis().Do({"GET", "n"}).text;
  CHECK(stored.substr(0, 8) == std::string_view("\xC1\x8D\x01\x01\xFF\xFF\xFF\xFF", 8));
  CHECK(stored.substr(16) == "1");
  CHECK(relay.redis().Do({"TTL", "n"}).integer > 490);
}

}  // namespace
}  // namespace mcrelay::testing
