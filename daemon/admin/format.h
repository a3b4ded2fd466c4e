// How values of the status document are written on the page. The page's script has the same formats
// (assets/status.js), so that an update does not change how a value looks. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace mcrelay::admin {

enum class Format : uint8_t {
  kText,
  kCount,    // 1,234
  kRate,     // 12.3
  kPercent,  // 0.5 is 50.0 %
  kUs,       // microseconds: 1.23 ms
  kBytes,
  kSpan,    // seconds: 3 min 4 s
  kTime,    // milliseconds since the epoch, in UTC
  kKinds,   // an object of counts: oom 3, readonly 1
  kWorked,  // true: taken over
};
// The name that the script knows it by.
[[nodiscard]] std::string_view FormatName(Format format);
// Null is a dash.
[[nodiscard]] std::string Show(const nlohmann::json& value, Format format);

// For text and attributes of HTML.
[[nodiscard]] std::string Escape(std::string_view text);

}  // namespace mcrelay::admin
