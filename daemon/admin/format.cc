#include "daemon/admin/format.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

namespace mcrelay::admin {
namespace {

std::string Grouped(double number) {
  std::string digits = fmt::format("{:.0f}", std::floor(number + 0.5));
  for (size_t at = digits.size(); at > 3 && digits[at - 4] != '-'; at -= 3)
    digits.insert(at - 3, ",");
  return digits;
}

// Three digits.
std::string Three(double number) {
  return fmt::format("{:.{}f}", number, number >= 100 ? 0 : number >= 10 ? 1 : 2);
}

std::string Rate(double number) {
  if (number == 0) return "0";
  return number >= 1000 ? Grouped(number) : Three(number);
}

std::string Microseconds(double us) {
  if (us < 1000) return fmt::format("{:.0f} µs", std::floor(us + 0.5));
  return us < 1e6 ? Three(us / 1e3) + " ms" : Three(us / 1e6) + " s";
}

std::string Bytes(double bytes) {
  constexpr double kKi = 1024;
  if (bytes < kKi) return fmt::format("{:.0f} B", bytes);
  if (bytes < kKi * kKi) return Three(bytes / kKi) + " KiB";
  if (bytes < kKi * kKi * kKi) return Three(bytes / kKi / kKi) + " MiB";
  return Three(bytes / kKi / kKi / kKi) + " GiB";
}

std::string Span(int64_t seconds) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  if (seconds < kMinute) return fmt::format("{} s", seconds);
  if (seconds < kHour) return fmt::format("{} min {} s", seconds / kMinute, seconds % kMinute);
  if (seconds < kDay) return fmt::format("{} h {} min", seconds / kHour, seconds % kHour / kMinute);
  return fmt::format("{} d {} h", seconds / kDay, seconds % kDay / kHour);
}

std::string Time(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return {text.data(), size};
}

std::string Percent(double ratio) {
  return fmt::format("{:.{}f} %", ratio * 100, ratio > 0.99 && ratio < 1 ? 2 : 1);
}

std::string Kinds(const nlohmann::json& counts) {
  std::string text;
  for (const auto& [kind, count] : counts.items()) {
    text += (text.empty() ? "" : ", ") + kind + " " + Grouped(count.get<double>());
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::string_view FormatName(Format format) {
  constexpr std::array<std::string_view, 10> kNames = {
      "text", "count", "rate", "percent", "us", "bytes", "span", "time", "kinds", "worked"};
  return kNames[static_cast<size_t>(format)];
}

std::string Show(const nlohmann::json& value, Format format) {
  if (value.is_null()) return "–";
  switch (format) {
    case Format::kText:
      return value.is_string() ? value.get<std::string>() : value.dump();
    case Format::kCount:
      return Grouped(value.get<double>());
    case Format::kRate:
      return Rate(value.get<double>());
    case Format::kPercent:
      return Percent(value.get<double>());
    case Format::kUs:
      return Microseconds(value.get<double>());
    case Format::kBytes:
      return Bytes(value.get<double>());
    case Format::kSpan:
      return Span(value.get<int64_t>());
    case Format::kTime:
      return Time(value.get<int64_t>());
    case Format::kKinds:
      return Kinds(value);
    case Format::kWorked:
      return value.get<bool>() ? "taken over" : "REFUSED";
  }
  return "";
}

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace mcrelay::admin
