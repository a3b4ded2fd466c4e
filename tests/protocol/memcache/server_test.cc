// The commands without a key, and mcrelay's own two.
#include "tests/protocol/memcache/parser_case.h"

namespace mcrelay::memcache {

TEST_CASE("parser: flush_all takes a delay and noreply") {
  CheckParse("flush_all\r\nflush_all 0\r\nflush_all -1\r\nflush_all 2 noreply\r\n",
             "flush_all 0\nflush_all 0\nflush_all -1\nflush_all 2 noreply\n");
  CheckParse("flush_all noreply\r\nflush_all 10 junk\r\n", "flush_all 0 noreply\nflush_all 10\n");
}

TEST_CASE("parser: flush_all refuses a delay that is no number") {
  CheckParse("flush_all abc\r\nflush_all 4294967296\r\n",
             Repeat("! CLIENT_ERROR invalid exptime argument\n", 2));
  CheckParse("flush_all noreply noreply\r\nflush_all abc noreply\r\n", "! silent\n! silent\n");
}

TEST_CASE("parser: verbosity wants a level") {
  CheckParse("verbosity 0\r\nverbosity 1 noreply\r\nverbosity 0 0 0\r\n",
             "verbosity <0>\nverbosity <1 noreply> noreply\nverbosity <0 0 0>\n");
  CheckParse("verbosity\r\nverbosity abc\r\nverbosity -1\r\nverbosity 4294967296\r\n",
             Repeat(kBadFormatLine, 4));
  CheckParse("verbosity noreply\r\n", "! silent\n");
}

TEST_CASE("parser: version, stats, quit and watch keep their words and always answer") {
  CheckParse("version\r\nversion x\r\nstats\r\nstats reset\r\nquit\r\nquit noreply\r\n",
             "version <>\nversion <x>\nstats <>\nstats <reset>\nquit <>\nquit <noreply>\n");
  CheckParse("stats  items  \r\nstats \nwatch fetchers  mutations\r\n",
             "stats <items>\nstats <>\nwatch <fetchers  mutations>\n");
}

TEST_CASE("parser: the words of the tuning commands stay together, noreply included") {
  CheckParse(
      "slabs automove 1\r\nlru mode flat\r\nlru_crawler metadump all\r\n"
      "cache_memlimit 64 noreply\r\nshutdown graceful\r\nshutdown\r\n",
      "slabs <automove 1>\nlru <mode flat>\nlru_crawler <metadump all>\n"
      "cache_memlimit <64 noreply> noreply\nshutdown <graceful>\nshutdown <>\n");
}

TEST_CASE("parser: keys takes one glob") {
  CheckParse("keys *\r\nkeys  user:*  x\r\nkeys noreply\r\n",
             "keys <*>\nkeys <user:*>\nkeys <noreply>\n");
  CheckParse("keys\r\n", kBadFormatLine);
}

TEST_CASE("parser: delete_pattern takes one glob and noreply behind it") {
  CheckParse("delete_pattern *\r\ndelete_pattern a* noreply\r\ndelete_pattern noreply\r\n",
             "delete_pattern <*>\ndelete_pattern <a*> noreply\ndelete_pattern <noreply>\n");
  CheckParse("delete_pattern\r\n", kBadFormatLine);
}

}  // namespace mcrelay::memcache
