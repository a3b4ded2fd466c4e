// Small text helpers of the configuration layer: quoting for messages and YAML, splitting, nearest
// names.
//
// Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mcrelay::config {

// 'text' for an error line: control bytes and broken UTF-8 as \xNN, long text cut after 60 bytes.
std::string Quote(std::string_view text);
// "text" as a YAML double-quoted scalar that the loader reads back unchanged (`${` becomes `$${`).
std::string QuoteYaml(std::string_view text);
// The same escapes without quotes or cutting: a file name in a message stays on one line.
std::string OneLine(std::string_view text);

bool IsUtf8(std::string_view text);
std::string_view Trim(std::string_view text);
std::string ToUpper(std::string_view text);
std::vector<std::string_view> Split(std::string_view text, char separator);
// "a, b or c"
std::string JoinOr(const std::vector<std::string_view>& words);

// The candidate with the smallest edit distance to `word`, or empty when none is near enough to be
// meant.
std::string_view Nearest(std::string_view word, const std::vector<std::string_view>& candidates);
// " (did you mean 'x'?)" or nothing.
std::string DidYouMean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace mcrelay::config
