#include "daemon/stats/prefixes.h"

#include <spdlog/fmt/fmt.h>

namespace mcrelay::stats {

void Prefixes::Count(std::string_view key, Kind kind) {
  const size_t end = key.find(delimiter_);
  if (end == std::string_view::npos) return;
  const std::string_view prefix = key.substr(0, end);
  const std::lock_guard lock(mutex_);
  auto found = counts_.find(prefix);
  if (found == counts_.end()) {
    if (counts_.size() >= kMost) return;
    found = counts_.try_emplace(std::string(prefix)).first;
  }
  Counts& counts = found->second;
  switch (kind) {
    case Kind::kHit:
      ++counts.hits;
      [[fallthrough]];
    case Kind::kMiss:
      ++counts.gets;
      break;
    case Kind::kSet:
      ++counts.sets;
      break;
    case Kind::kDelete:
      ++counts.deletes;
      break;
  }
}

void Prefixes::Clear() {
  const std::lock_guard lock(mutex_);
  counts_.clear();
}

std::string Prefixes::Dump() const {
  std::string text;
  const std::lock_guard lock(mutex_);
  for (const auto& [prefix, counts] : counts_) {
    text += fmt::format("PREFIX {} get {} hit {} set {} del {}\r\n", prefix, counts.gets,
                        counts.hits, counts.sets, counts.deletes);
  }
  return text + "END\r\n";
}

}  // namespace mcrelay::stats
