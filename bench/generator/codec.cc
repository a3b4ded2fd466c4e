#include "bench/generator/codec.h"

#include <charconv>

namespace mcrelay::bench {

bool TakeLine(std::string_view in, std::string_view* line) {
  const size_t end = in.find("\r\n");
  if (end == std::string_view::npos) return false;
  *line = in.substr(0, end);
  return true;
}

int64_t ToNumber(std::string_view digits) {
  int64_t number = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? number : -1;
}

}  // namespace mcrelay::bench
