// set add replace append prepend cas: their words, their block, and what is swallowed when.
#include "tests/protocol/memcache/parser_case.h"

namespace mcrelay::memcache {

TEST_CASE("parser: every storage command carries key, flags, exptime and value") {
  CheckParse(
      "set k 1 2 1\r\na\r\nadd k 1 2 1\r\nb\r\nreplace k 1 2 1\r\nc\r\n"
      "append k 1 2 1\r\nd\r\nprepend k 1 2 1\r\ne\r\ncas k 1 2 1 7\r\nf\r\n",
      "set <k> f1 t2 <a>\nadd <k> f1 t2 <b>\nreplace <k> f1 t2 <c>\n"
      "append <k> f1 t2 <d>\nprepend <k> f1 t2 <e>\ncas <k> f1 t2 c7 <f>\n");
}

TEST_CASE("parser: a value holds any bytes, line ends and commands too") {
  CheckParse("set k 0 0 18\r\nget a\r\n\r\nEND\r\n\r\nx \r\nmn\r\n",
             "set <k> f0 t0 <get a\r\n\r\nEND\r\n\r\nx >\nmn\n");
}

TEST_CASE("parser: a value may be empty") {
  CheckParse("set k 0 0 0\r\n\r\nmn\r\n", "set <k> f0 t0 <>\nmn\n");
}

TEST_CASE("parser: noreply is the last word of a storage command") {
  CheckParse("set k 0 0 1 noreply\r\nx\r\n", "set <k> f0 t0 <x> noreply\n");
  CheckParse("cas k 0 0 1 5 noreply\r\nx\r\n", "cas <k> f0 t0 c5 <x> noreply\n");
  CheckParse("set k 0 0 1 junk noreply\r\nx\r\n", "set <k> f0 t0 <x> noreply\n");
  CheckParse("set k 0 0 1 noreply junk\r\nx\r\n", "set <k> f0 t0 <x>\n");
  CheckParse("set noreply 0 0 1\r\nx\r\n", "set <noreply> f0 t0 <x>\n");
}

TEST_CASE("parser: extra words are ignored, and noreply behind too many of them") {
  CheckParse("set k 0 0 1 junk\r\nx\r\n", "set <k> f0 t0 <x>\n");
  CheckParse("set k 0 0 1" + Repeat(" x", 17) + " noreply\r\nx\r\n", "set <k> f0 t0 <x> noreply\n");
  CheckParse("set k 0 0 1" + Repeat(" x", 18) + " noreply\r\nx\r\n", "set <k> f0 t0 <x>\n");
}

TEST_CASE("parser: a storage command with too few words is malformed") {
  for (const std::string_view line :
       {"set\r\n", "set k\r\n", "set k 0\r\n", "set k 0 0\r\n", "cas k 0 0 \r\n"}) {
    CAPTURE(line);
    CheckParse(line, kBadFormatLine);
  }
}

TEST_CASE("parser: an unreadable length swallows nothing, and noreply does not silence it") {
  for (const std::string_view bytes : {"abc", "-1", "+3", "-0", "-", "3x", "1.5", "2147483646",
                                       "4294967296", "noreply", "18446744073709551616"}) {
    CAPTURE(bytes);
    CheckParse("set k 0 0 " + std::string(bytes) + "\r\nabc\r\n",
               std::string(kBadFormatLine) + "! ERROR\n");
  }
  CheckParse("set k 0 0 x noreply\r\nmn\r\n", std::string(kBadFormatLine) + "mn\n");
}

TEST_CASE("parser: the longest length is 2147483645") {
  CheckParse("append k 0 0 2147483645\r\n",
             "too large append <k> f0 t0 <>: ! SERVER_ERROR object too large for cache\n"
             "... 2147483647 more\n");
}

TEST_CASE("parser: a length may have leading zeros") {
  CheckParse("set k 0 0 03\r\nabc\r\n", "set <k> f0 t0 <abc>\n");
}

TEST_CASE("parser: a later error swallows exactly the announced block") {
  const std::string expected = std::string(kBadFormatLine) + "mn\n";
  for (const std::string_view words :
       {"k x 0 6", "k -1 0 6", "k 18446744073709551616 0 6", "k 0 x 6",
        "k 0 18446744073709551616 6", "k 0 9223372036854775808 6"}) {
    CAPTURE(words);
    CheckParse("set " + std::string(words) + "\r\nget\r\nx\r\nmn\r\n", expected);
  }
  CheckParse("cas k 0 0 6\r\nget\r\nx\r\nmn\r\n", expected);
  CheckParse("cas k 0 0 6 x\r\nget\r\nx\r\nmn\r\n", expected);
  CheckParse("cas k 0 0 6 18446744073709551616\r\nget\r\nx\r\nmn\r\n", expected);
  CheckParse("set " + Repeat("k", 251) + " 0 0 6\r\nget\r\nx\r\nmn\r\n", expected);
}

TEST_CASE("parser: noreply silences a later error") {
  CheckParse("set k x 0 3 noreply\r\nabc\r\nmn\r\n", "! silent\nmn\n");
  CheckParse("cas k 0 0 3 noreply\r\nabc\r\nmn\r\n", "! silent\nmn\n");
  CheckParse("set " + Repeat("k", 251) + " 0 0 3 noreply\r\nabc\r\nmn\r\n", "! silent\nmn\n");
}

TEST_CASE("parser: the swallowed block ends where it was announced, whatever is in it") {
  CheckParse("set k x 0 3\r\nabcdefg\r\nmn\r\n", std::string(kBadFormatLine) + "! ERROR\nmn\n");
}

TEST_CASE("parser: a block that does not end in CRLF is consumed and refused") {
  CheckParse("set k 0 0 3\r\nabcdefg\r\nmn\r\n", "! CLIENT_ERROR bad data chunk\n! ERROR\nmn\n");
  CheckParse("set k 0 0 3\r\nabcd\r\nmn\r\n",
             "! CLIENT_ERROR bad data chunk\n" + std::string(kBadFormatLine) + "mn\n");
  CheckParse("set k 0 0 6\r\nabc\r\nversion\r\n", "! CLIENT_ERROR bad data chunk\n! ERROR\n");
  CheckParse("set k 0 0 1\r\nx\nget k\r\n\r\n",
             "! CLIENT_ERROR bad data chunk\n! ERROR\n" + std::string(kBadFormatLine));
  CheckParse("set k 0 0 3 noreply\r\nabcdefg\r\nmn\r\n", "! silent\n! ERROR\nmn\n");
}

TEST_CASE("parser: client flags are decimal, wrap at 2^32 and may have a plus") {
  CheckParse("set k +1 0 1\r\nx\r\n", "set <k> f1 t0 <x>\n");
  CheckParse("set k 4294967295 0 1\r\nx\r\n", "set <k> f4294967295 t0 <x>\n");
  CheckParse("set k 4294967296 0 1\r\nx\r\n", "set <k> f0 t0 <x>\n");
  CheckParse("set k 18446744073709551615 0 1\r\nx\r\n", "set <k> f4294967295 t0 <x>\n");
}

TEST_CASE("parser: a stored exptime is taken modulo 2^32 as a signed number") {
  CheckParse("set k 0 -1 1\r\nx\r\n", "set <k> f0 t-1 <x>\n");
  CheckParse("set k 0 2147483647 1\r\nx\r\n", "set <k> f0 t2147483647 <x>\n");
  CheckParse("set k 0 2147483648 1\r\nx\r\n", "set <k> f0 t-2147483648 <x>\n");
  CheckParse("set k 0 4294967296 1\r\nx\r\n", "set <k> f0 t0 <x>\n");
  CheckParse("set k 0 4294967297 1\r\nx\r\n", "set <k> f0 t1 <x>\n");
}

TEST_CASE("parser: a cas unique has 64 bits and may be 0") {
  CheckParse("cas k 0 0 1 0\r\nx\r\ncas k 0 0 1 18446744073709551615\r\nx\r\n",
             "cas <k> f0 t0 c0 <x>\ncas <k> f0 t0 c18446744073709551615 <x>\n");
}

TEST_CASE("parser: an item is too large above item size less 59, key and flags counted") {
  ParserLimits limits;
  limits.item_bytes = 100 + 59;
  const std::string most = Repeat("v", 98);
  CheckParse("set kk 0 0 98\r\n" + most + "\r\nmn\r\n", "set <kk> f0 t0 <v*98>\nmn\n", limits);
  CheckParse("set kk 0 0 99\r\n" + most + "v\r\nmn\r\n",
             "too large set <kk> f0 t0 <>: ! SERVER_ERROR object too large for cache\nmn\n",
             limits);
  CheckParse("set kk 7 0 95\r\n" + most.substr(0, 95) + "\r\nmn\r\n",
             "too large set <kk> f7 t0 <>: ! SERVER_ERROR object too large for cache\nmn\n",
             limits);
  CheckParse("set kk 7 0 94\r\n" + most.substr(0, 94) + "\r\nmn\r\n", "set <kk> f7 t0 <v*94>\nmn\n",
             limits);
  CheckParse("add kk 0 0 99 noreply\r\n" + most + "v\r\nmn\r\n",
             "too large add <kk> f0 t0 <> noreply: ! silent\nmn\n", limits);
}

TEST_CASE("parser: the default limit is 1048517 bytes of key and value") {
  Command command;
  const ParserLimits limits;
  CHECK(Parse("set k 0 0 1048516\r\n", limits, true, 0, &command).status == ParseStatus::kNeedMore);
  const ParseResult result = Parse("set k 0 0 1048517\r\n", limits, true, 0, &command);
  CHECK(result.status == ParseStatus::kTooLarge);
  CHECK(result.consumed == 19);
  CHECK(result.swallow == 1048519);
}

}  // namespace mcrelay::memcache
