// Placement answers which node a key lives on, the way other software places it, so that data that is
// already there stays reachable. Sources: docs/sharding.md.
//
// A Placement is immutable once built; any thread may call Pick(). Pick() allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mcrelay::placement {

enum class Distribution : uint8_t { kKetama, kModula, kRendezvous, kDjangoRedis };
enum class Hash : uint8_t { kFnv1a64, kFnv1a32, kFnv164, kFnv132, kMd5, kCrc16, kCrc32, kCrc32a, kMurmur, kJenkins, kHsieh, kOneAtATime };

struct PlacementNode {
  std::string name;      // what the ring hashes
  uint32_t weight = 1;   // 1..
};

struct PlacementSettings {
  Distribution distribution = Distribution::kKetama;
  Hash hash = Hash::kFnv1a64;
  // Two characters, opener and closer: only what is between the first opener and the first closer after
  // it is hashed, when that is not empty. Empty: no hash tags. (django-redis has its own rule.)
  std::string hash_tag;
};

class Placement {
 public:
  virtual ~Placement() = default;
  // Index of the node that owns `redis_key` (the full key, prefix included).
  [[nodiscard]] virtual size_t Pick(std::string_view redis_key) const = 0;
};

// REQUIRES: at least one node. One node: always 0, nothing is hashed.
[[nodiscard]] std::unique_ptr<Placement> MakePlacement(const PlacementSettings& settings,
                                                       const std::vector<PlacementNode>& nodes);

}  // namespace mcrelay::placement
