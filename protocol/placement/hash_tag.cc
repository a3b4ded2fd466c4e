#include "protocol/placement/hash_tag.h"

namespace mcrelay::placement {

std::string_view TaggedPart(std::string_view key, char opener, char closer) {
  const size_t open = key.find(opener);
  if (open == std::string_view::npos) return key;
  const size_t close = key.find(closer, open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

std::string_view DjangoTaggedPart(std::string_view key) {
  // '.' does not match a newline, so the match cannot leave the first line.
  const std::string_view line = key.substr(0, key.find('\n'));
  const size_t close = line.rfind('}');
  if (close == std::string_view::npos || close == 0) return key;
  const size_t open = line.rfind('{', close - 1);
  if (open == std::string_view::npos) return key;
  return line.substr(open + 1, close - open - 1);
}

}  // namespace mcrelay::placement
