// CheckParse(): one stream of bytes and all that the parser must say about it, in every split.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/protocol/memcache/describe.h"
#include "tests/protocol/memcache/parser_driver.h"
#include "tests/support/for_each_split.h"

namespace mcrelay::memcache {

// `expected` is ParserDriver's transcript in Describe()'s words.
inline void CheckParse(std::string_view bytes, std::string_view expected,
                       const ParserLimits& limits = {}) {
  testing::ForEachSplit(bytes, [&](const testing::Pieces& pieces) {
    ParserDriver driver(limits, Describe);
    for (const std::string_view piece : pieces) driver.Feed(piece);
    INFO("first piece has ", pieces.empty() ? size_t{0} : pieces.front().size(), " bytes of ",
         bytes.size());
    REQUIRE(driver.violation() == "");
    REQUIRE(driver.Transcript() == expected);
  });
}

inline std::string Repeat(std::string_view text, size_t times) {
  std::string repeated;
  for (size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

inline constexpr std::string_view kBadFormatLine = "! CLIENT_ERROR bad command line format\n";

}  // namespace mcrelay::memcache
