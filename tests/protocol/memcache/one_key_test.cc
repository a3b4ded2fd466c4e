// incr, decr, delete, touch.
#include "tests/protocol/memcache/parser_case.h"

namespace mcrelay::memcache {

TEST_CASE("parser: incr and decr take a delta of 64 bits") {
  CheckParse("incr k 1\r\ndecr k 18446744073709551615 noreply\r\nincr k 007\r\n",
             "incr <k> 1\ndecr <k> 18446744073709551615 noreply\nincr <k> 7\n");
}

TEST_CASE("parser: a delta that is no unsigned number is refused") {
  for (const std::string_view delta :
       {"abc", "1x", "1.5", "-5", "+1", "-0", "18446744073709551616", "\t1"}) {
    CAPTURE(delta);
    CheckParse("incr k " + std::string(delta) + "\r\nmn\r\n",
               "! CLIENT_ERROR invalid numeric delta argument\nmn\n");
    CheckParse("decr k " + std::string(delta) + " noreply\r\nmn\r\n", "! silent\nmn\n");
  }
  CheckParse("incr k noreply\r\n", "! silent\n");
}

TEST_CASE("parser: incr and touch without their number are malformed") {
  CheckParse("incr\r\nincr k\r\ndecr k \r\ntouch\r\ntouch k\r\n", Repeat(kBadFormatLine, 5));
}

TEST_CASE("parser: a long key is refused where there is one key") {
  const std::string key = Repeat("k", 251);
  for (const std::string_view rest : {" 1", " abc"}) {
    for (const std::string_view verb : {"incr ", "decr ", "touch "}) {
      CheckParse(std::string(verb) + key + std::string(rest) + "\r\n", kBadFormatLine);
      CheckParse(std::string(verb) + key + std::string(rest) + " noreply\r\n", "! silent\n");
    }
  }
  CheckParse("delete " + key + "\r\n", kBadFormatLine);
  CheckParse("delete " + key + " noreply\r\n", "! silent\n");
}

TEST_CASE("parser: touch takes an exptime of 32 bits") {
  CheckParse("touch k 100\r\ntouch k -1 noreply\r\ntouch k 0 junk\r\n",
             "touch <k> 100\ntouch <k> -1 noreply\ntouch <k> 0\n");
  for (const std::string_view exptime : {"abc", "1.5", "4294967296", "2147483648", "-2147483649"}) {
    CAPTURE(exptime);
    CheckParse("touch k " + std::string(exptime) + "\r\n",
               "! CLIENT_ERROR invalid exptime argument\n");
    CheckParse("touch k " + std::string(exptime) + " noreply\r\n", "! silent\n");
  }
}

TEST_CASE("parser: delete takes the ancient 0 and noreply") {
  CheckParse("delete k\r\ndelete k 0\r\ndelete k noreply\r\ndelete k 0 noreply\r\n",
             "delete <k>\ndelete <k>\ndelete <k> noreply\ndelete <k> noreply\n");
  CheckParse("delete noreply\r\ndelete noreply noreply\r\ndelete noreply 0\r\n",
             "delete <noreply> noreply\ndelete <noreply> noreply\ndelete <noreply>\n");
}

TEST_CASE("parser: delete without a key is malformed") {
  CheckParse("delete\r\ndelete \r\n", Repeat(kBadFormatLine, 2));
}

TEST_CASE("parser: delete refuses other words, silently when the last is noreply") {
  constexpr std::string_view kUsage =
      "! CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\n";
  for (const std::string_view line :
       {"delete k 5\r\n", "delete k noreply 0\r\n", "delete k 0 0\r\n", "delete k a b\r\n"}) {
    CAPTURE(line);
    CheckParse(line, kUsage);
  }
  CheckParse("delete k 5 noreply\r\n", "! silent\n");
  CheckParse("delete k noreply noreply\r\n", "! silent\n");
  CheckParse("delete " + Repeat("k", 251) + " 5\r\n", kUsage);
}

TEST_CASE("parser: delete with more than four words is an ERROR, noreply or not") {
  CheckParse("delete k 0 0 0\r\ndelete k a b c d\r\ndelete k 0 0 noreply\r\n",
             "! ERROR\n! ERROR\n! ERROR\n");
}

}  // namespace mcrelay::memcache
