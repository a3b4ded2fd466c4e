// get, gets, gat, gats.
#include "tests/protocol/memcache/parser_case.h"

namespace mcrelay::memcache {

TEST_CASE("parser: get and gets take any number of keys, in order and repeated") {
  CheckParse("get a\r\ngets a b a\r\n", "get <a>\ngets <a> <b> <a>\n");
}

TEST_CASE("parser: gat and gats take many keys") {
  CheckParse("gat 100 a\r\ngats -1 a b a\r\n", "gat 100 <a>\ngats -1 <a> <b> <a>\n");
}

TEST_CASE("parser: noreply is a key to get and gat") {
  CheckParse("get a noreply\r\ngat 0 noreply\r\n", "get <a> <noreply>\ngat 0 <noreply>\n");
}

TEST_CASE("parser: a get without keys is malformed") {
  for (const std::string_view line : {"get\r\n", "get \r\n", "gets\r\n", "gat\r\n", "gat 0\r\n",
                                      "gat 0 \r\n", "gat k\r\n", "gats  0  \r\n"}) {
    CAPTURE(line);
    CheckParse(line, kBadFormatLine);
  }
}

TEST_CASE("parser: gat refuses an exptime that is no number of 32 bits") {
  constexpr std::string_view kBad = "! CLIENT_ERROR invalid exptime argument\n";
  for (const std::string_view line :
       {"gat abc k\r\n", "gat 1.5 k\r\n", "gat 4294967296 k\r\n", "gat 2147483648 k\r\n",
        "gat +5 k\r\n", "gat - k\r\n", "gats 1x k noreply\r\n"}) {
    CAPTURE(line);
    CheckParse(line, kBad);
  }
  CheckParse("gat 2147483647 k\r\ngat -2147483648 k\r\n",
             "gat 2147483647 <k>\ngat -2147483648 <k>\n");
}

TEST_CASE("parser: a key has up to 250 bytes") {
  const std::string most = Repeat("k", 250);
  CheckParse("get " + most + "\r\n", "get <k*250>\n");
  CheckParse("get " + most + "k\r\n", kBadFormatLine);
  CheckParse("gat 0 " + most + "k\r\n", kBadFormatLine);
}

TEST_CASE("parser: an over-long key anywhere refuses the whole multiget, once") {
  const std::string too_long = Repeat("k", 251);
  CheckParse("get " + too_long + " a\r\nmn\r\n", std::string(kBadFormatLine) + "mn\n");
  CheckParse("get a b " + too_long + "\r\nmn\r\n", std::string(kBadFormatLine) + "mn\n");
  CheckParse("gats 0 a " + too_long + " b\r\nmn\r\n", std::string(kBadFormatLine) + "mn\n");
}

TEST_CASE("parser: a key holds any bytes but space and newline") {
  using std::string_view_literals::operator""sv;
  CheckParse("get a\0b \x01\x7f\xff *?[]{}% a\tb\r\n"sv,
             "get <a\0b> <\x01\x7f\xff> <*?[]{}%> <a\tb>\n"sv);
}

}  // namespace mcrelay::memcache
