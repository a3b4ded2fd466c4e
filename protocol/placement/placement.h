// Placement answers which node a key lives on, the way other software places it, so that data that
// is already there stays reachable. The rules and where they come from: docs/sharding.md.
//
// A Placement is immutable once built, shares nothing with the nodes it was built from, and any
// thread may call Pick(). Pick() allocates nothing and cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/placement/hash.h"

namespace mcrelay::placement {

enum class Distribution : uint8_t { kKetama, kModula, kRendezvous, kDjangoRedis };

// Reads a word of the configuration: ketama, modula, rendezvous or django-redis.
// False, and *distribution untouched, for any other word.
[[nodiscard]] bool ParseDistribution(std::string_view name, Distribution* distribution);

struct PlacementNode {
  std::string name;     // what the ring hashes
  uint32_t weight = 1;  // 1..; django-redis has no weights and ignores it
};

struct PlacementSettings {
  Distribution distribution = Distribution::kKetama;
  Hash hash = Hash::kFnv1a64;  // django-redis always hashes with SHA-256
  // Two characters, opener and closer: only what is between the first opener and the first closer
  // after it is hashed, when that is not empty. Empty: no hash tags. (django-redis has its own
  // rule.)
  std::string hash_tag;
};

class Placement {
 public:
  virtual ~Placement() = default;
  // Index of the node that owns `redis_key` (the full key, prefix included).
  [[nodiscard]] virtual size_t Pick(std::string_view redis_key) const = 0;
};

// REQUIRES: at least one node, weights of at least 1, a hash_tag of no or two characters.
// One node: always 0, nothing is hashed.
[[nodiscard]] std::unique_ptr<Placement> MakePlacement(const PlacementSettings& settings,
                                                       const std::vector<PlacementNode>& nodes);

}  // namespace mcrelay::placement
