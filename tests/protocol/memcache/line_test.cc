// Lines and words: where a line ends, what separates, what is too short, too long or unknown.
#include "tests/protocol/memcache/parser_case.h"

namespace mcrelay::memcache {

TEST_CASE("parser: a line may come in pieces") { CheckParse("get k\r\n", "get <k>\n"); }

TEST_CASE("parser: commands follow each other without a gap") {
  CheckParse("get a\r\nset b 1 2 3\r\nxyz\r\ndelete c\r\nmn\r\nget d\r\n",
             "get <a>\nset <b> f1 t2 <xyz>\ndelete <c>\nmn\nget <d>\n");
}

TEST_CASE("parser: a bare newline ends a line") {
  CheckParse("get k\nset k 0 0 1\nx\r\nmn \n", "get <k>\nset <k> f0 t0 <x>\nmn\n");
}

TEST_CASE("parser: only one carriage return belongs to the line's end") {
  CheckParse("get k\r\r\n", "get <k\r>\n");
}

TEST_CASE("parser: any number of spaces separates words") {
  CheckParse("get   a   b  \r\nset k  5  0  1 \r\nx\r\nincr  k  2  \r\n",
             "get <a> <b>\nset <k> f5 t0 <x>\nincr <k> 2\n");
}

TEST_CASE("parser: a tab is part of a word") {
  CheckParse("get\tk\r\nget a\tb\r\n", "! ERROR\nget <a\tb>\n");
}

TEST_CASE("parser: names are case-sensitive") {
  CheckParse("GET k\r\nGet k\r\nMG k\r\n", "! ERROR\n! ERROR\n! ERROR\n");
}

TEST_CASE("parser: a line under four bytes with its end is malformed") {
  CheckParse("\n", kBadFormatLine);
  CheckParse("\r\n", kBadFormatLine);
  CheckParse("a\r\n", kBadFormatLine);
  CheckParse("mn\n", kBadFormatLine);
  CheckParse("fg\n", kBadFormatLine);
}

TEST_CASE("parser: a longer line with an unknown name is an ERROR") {
  CheckParse("fg\r\n", "! ERROR\n");
  CheckParse("  \r\n", "! ERROR\n");
  CheckParse("mx k\r\nmnx\r\nbget k\r\nget_k\r\nsetx k 0 0 1\r\n",
             "! ERROR\n! ERROR\n! ERROR\n! ERROR\n! ERROR\n");
  CheckParse("misbehave\r\nextstore\r\nconfig\r\nrefresh_certs\r\ndebugtime p\r\n",
             "! ERROR\n! ERROR\n! ERROR\n! ERROR\n! ERROR\n");
  CheckParse("averyveryverylongnamethatnobodyhas k\r\n", "! ERROR\n");
}

TEST_CASE("parser: noreply does not silence an unknown name") {
  CheckParse("foo k noreply\r\n", "! ERROR\n");
}

TEST_CASE("parser: a leading space makes every name unknown") {
  CheckParse(" get k\r\n flush_all\r\n", "! ERROR\n! ERROR\n");
}

TEST_CASE("parser: an unknown command that ends like an HTTP request closes the connection") {
  CheckParse("POST / HTTP/1.1\r\nset k 0 0 1\r\n", "close\n");
  CheckParse("GET HTTP/1.1\r\n", "close\n");
  CheckParse("foo HTTP/ \r\n", "close\n");
  CheckParse("foo XHTTP/1.1\r\n", "! ERROR\n");
  CheckParse("foo HTTP/1.1 x\r\n", "! ERROR\n");
  CheckParse("get HTTP/1.1\r\nquit HTTP/1.1\r\n", "get <HTTP/1.1>\nquit <HTTP/1.1>\n");
}

TEST_CASE("parser: more than 2048 bytes without a newline close the connection") {
  CheckParse(Repeat("x", 2048), "... 1 more\n");
  CheckParse(Repeat("x", 2049), "close\n");
  CheckParse("gat 0 " + Repeat("key ", 600), "close\n");
  CheckParse("set " + Repeat("k", 2100), "close\n");
}

// memcached's answer to a longer line hangs on whether its newline came in the same packet. Ours
// does not: too long is too long.
TEST_CASE("parser: a line above 2048 bytes closes even when its newline is there") {
  CheckParse(Repeat("x", 2048) + "\nmn\r\n", "! ERROR\nmn\n");
  CheckParse(Repeat("x", 2047) + "\r\nmn\r\n", "! ERROR\nmn\n");
  CheckParse(Repeat("x", 2049) + "\nmn\r\n", "close\n");
  CheckParse("gat 0" + Repeat(" key", 600) + "\r\n", "close\n");
}

TEST_CASE("parser: a get line may be much longer") {
  CheckParse("get" + Repeat(" key", 600) + "\r\nmn\r\n",
             "get <key> <key> <key> <key> <key> and 595\nmn\n");
  CheckParse("gets" + Repeat(" key", 600) + "\r\nmn\r\n",
             "gets <key> <key> <key> <key> <key> and 595\nmn\n");
}

TEST_CASE("parser: a get line has a bound of its own") {
  ParserLimits limits;
  limits.get_line_bytes = 2500;
  CheckParse("get " + Repeat("k", 2496), "... 1 more\n", limits);
  CheckParse("get " + Repeat("k", 2497), "close\n", limits);
  CheckParse("get " + Repeat("k ", 1248) + "\nmn\r\n", "get <k> <k> <k> <k> <k> and 1243\nmn\n",
             limits);
  CheckParse("gets " + Repeat("k ", 1248) + "\nmn\r\n", "close\n", limits);
}

TEST_CASE("parser: two megabytes of keys are one get") {
  const std::string line = "get" + Repeat(" key", 500000) + "\r\n";
  ParserDriver driver(ParserLimits{}, Describe);
  for (const std::string_view piece : testing::CutInto(line, 65536)) driver.Feed(piece);
  CHECK(driver.Transcript() == "get <key> <key> <key> <key> <key> and 499995\n");
}

TEST_CASE("parser: the binary protocol is seen in the first byte of a connection only") {
  CheckParse(std::string_view("\x80\0\0\0", 4), "binary\n");
  CheckParse("\x80\n", "binary\n");
  CheckParse("mn\r\n\x80xxx\r\n", "mn\n! ERROR\n");
}

TEST_CASE("parser: waiting for a line says how much was searched") {
  Command command;
  const ParserLimits limits;
  const ParseResult first = Parse("get a", limits, true, 0, &command);
  REQUIRE(first.status == ParseStatus::kNeedMore);
  CHECK(first.need == 6);
  CHECK(first.scanned == 5);
  const ParseResult second = Parse("get a\r\nmn\r\n", limits, true, first.scanned, &command);
  CHECK(second.status == ParseStatus::kCommand);
  CHECK(second.consumed == 7);
}

TEST_CASE("parser: waiting for a data block says how much is needed") {
  Command command;
  const ParseResult result = Parse("set k 0 0 100\r\nabc", ParserLimits{}, true, 0, &command);
  REQUIRE(result.status == ParseStatus::kNeedMore);
  CHECK(result.need == 15 + 100 + 2);
  CHECK(result.scanned == 14);
}

}  // namespace mcrelay::memcache
