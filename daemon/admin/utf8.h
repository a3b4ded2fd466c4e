// Names and messages may hold any bytes; the pages are UTF-8, and one bad byte would make
// Prometheus refuse a whole scrape.
#pragma once

#include <string>
#include <string_view>

namespace mcrelay::admin {

// `text` with U+FFFD in place of what is not UTF-8.
[[nodiscard]] std::string ValidUtf8(std::string_view text);

}  // namespace mcrelay::admin
