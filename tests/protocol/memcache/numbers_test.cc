#include "protocol/memcache/numbers.h"

#include <doctest/doctest.h>

#include <limits>

namespace mcrelay::memcache {
namespace {

// What `parse` makes of `word`; `refused` when it refuses, and then it must leave its output alone.
template <typename Number, typename Parse>
Number Parsed(Parse parse, std::string_view word, Number refused) {
  Number out = refused;
  const bool parsed = parse(word, &out);
  if (!parsed) REQUIRE(out == refused);
  return out;
}

}  // namespace

TEST_CASE("numbers: bytes are digits only, up to 2147483645") {
  const auto parse = [](std::string_view word) { return Parsed(ParseBytes, word, 77u); };
  CHECK(parse("0") == 0);
  CHECK(parse("00000000003") == 3);
  CHECK(parse("2147483645") == 2147483645u);
  for (const std::string_view bad : {"", "-", "-0", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.0",
                                     "2147483646", "000000000003", "99999999999"}) {
    CAPTURE(bad);
    CHECK(parse(bad) == 77);
  }
}

TEST_CASE("numbers: a delta has 64 bits") {
  const auto parse = [](std::string_view word) { return Parsed(ParseDelta, word, uint64_t{77}); };
  CHECK(parse("18446744073709551615") == std::numeric_limits<uint64_t>::max());
  CHECK(parse("0000000000000000000012") == 12);
  for (const std::string_view bad : {"", "-1", "+1", "18446744073709551616", "99999999999999999999",
                                     "00000000000000000000012"}) {
    CAPTURE(bad);
    CHECK(parse(bad) == 77);
  }
}

TEST_CASE("numbers: a level has 32 bits") {
  const auto parse = [](std::string_view word) { return Parsed(ParseLevel, word, 77u); };
  CHECK(parse("4294967295") == 4294967295u);
  for (const std::string_view bad : {"", "-1", "+1", "4294967296", "x"}) {
    CAPTURE(bad);
    CHECK(parse(bad) == 77);
  }
}

TEST_CASE("numbers: a strict time has 32 bits and a sign") {
  const auto parse = [](std::string_view word) {
    return Parsed(ParseStrictTime, word, int64_t{77});
  };
  CHECK(parse("2147483647") == 2147483647);
  CHECK(parse("-2147483648") == -2147483648LL);
  CHECK(parse("-0") == 0);
  CHECK(parse("-1") == -1);
  for (const std::string_view bad :
       {"", "-", "--1", "+1", "2147483648", "-2147483649", "1x", "000000000001", "-00000000001"}) {
    CAPTURE(bad);
    CHECK(parse(bad) == 77);
  }
}

TEST_CASE("numbers: a wrapped time is taken modulo 2^32") {
  const auto parse = [](std::string_view word) {
    return Parsed(ParseWrappedTime, word, int64_t{77});
  };
  CHECK(parse("+5") == 5);
  CHECK(parse("-5") == -5);
  CHECK(parse("2147483648") == -2147483648LL);
  CHECK(parse("4294967295") == -1);
  CHECK(parse("4294967296") == 0);
  CHECK(parse("-4294967297") == -1);
  CHECK(parse("9223372036854775807") == -1);
  CHECK(parse("-9223372036854775808") == 0);
  for (const std::string_view bad :
       {"", "-", "+", "+-1", "x", "1x", "9223372036854775808", "-9223372036854775809"}) {
    CAPTURE(bad);
    CHECK(parse(bad) == 77);
  }
}

TEST_CASE("numbers: client flags wrap modulo 2^32 up to 2^64") {
  const auto parse = [](std::string_view word) { return Parsed(ParseClientFlags, word, 77u); };
  CHECK(parse("+1") == 1);
  CHECK(parse("4294967295") == 4294967295u);
  CHECK(parse("4294967296") == 0);
  CHECK(parse("18446744073709551615") == 4294967295u);
  for (const std::string_view bad : {"", "-1", "18446744073709551616", "x", "1x", "+"}) {
    CAPTURE(bad);
    CHECK(parse(bad) == 77);
  }
}

TEST_CASE("numbers: what memcached reads with strtoul may be set in white space") {
  const auto parse = [](std::string_view word) { return Parsed(ParseUnique, word, uint64_t{77}); };
  CHECK(parse("\t5") == 5);
  CHECK(parse("5\tx") == 5);
  CHECK(parse("5\r") == 5);
  CHECK(parse(std::string_view("5\0x", 3)) == 5);
  CHECK(parse("-0") == 0);
  CHECK(parse(std::string_view("\0005", 2)) == 77);
  CHECK(parse("\t") == 77);
}

TEST_CASE("numbers: a unique has 64 bits") {
  const auto parse = [](std::string_view word) { return Parsed(ParseUnique, word, uint64_t{77}); };
  CHECK(parse("18446744073709551615") == std::numeric_limits<uint64_t>::max());
  CHECK(parse("18446744073709551616") == 77);
  CHECK(parse("-1") == 77);
}

}  // namespace mcrelay::memcache
