// The rings: each class is one distribution, built from the nodes' names and weights.
//
// Made by MakePlacement() (placement.h), which answers for one node itself: a ring has two or more.
// Immutable once built; Pick() from any thread, without allocation.
#pragma once

#include <vector>

#include "protocol/placement/digest.h"
#include "protocol/placement/placement.h"

namespace mcrelay::placement {

// Hash and hash tag of a key, as the settings ask.
class KeyHash {
 public:
  explicit KeyHash(const PlacementSettings& settings);
  [[nodiscard]] uint32_t operator()(std::string_view key) const;

 private:
  uint32_t (*function_)(std::string_view key);
  bool tagged_;
  char opener_ = '\0';
  char closer_ = '\0';
};

// Points of a node on the ketama ring: floor(weight / total * 160 / 4 * nodes + 1e-10) * 4 with
// every step rounded to a 32-bit float, as libmemcached and twemproxy do. Equal weights give 160
// for most numbers of nodes, but 156 for 25, 47, 50 and others.
[[nodiscard]] uint32_t KetamaPoints(uint32_t weight, uint64_t total_weight, size_t nodes);

// libmemcached's weighted ketama and twemproxy's: MD5 of "<name>-<i>" gives four points each; a key
// lives on the first point at or above its hash, past the last on the first. Equal points: the
// lower index.
class KetamaRing final : public Placement {
 public:
  KetamaRing(const PlacementSettings& settings, const std::vector<PlacementNode>& nodes);
  [[nodiscard]] size_t Pick(std::string_view redis_key) const override;

 private:
  struct Point {
    uint32_t value;
    uint32_t node;
  };
  KeyHash hash_;
  std::vector<Point> points_;  // sorted by value, then node
};

// Hash modulo the sum of weights, each node repeated `weight` times in the given order.
class ModulaRing final : public Placement {
 public:
  ModulaRing(const PlacementSettings& settings, const std::vector<PlacementNode>& nodes);
  [[nodiscard]] size_t Pick(std::string_view redis_key) const override;

 private:
  KeyHash hash_;
  std::vector<uint64_t> ends_;  // ends_[i]: sum of the weights up to and with node i
};

// Highest random weight: every node draws a number for the key, the best draw owns it. Only the
// keys of a node that was removed move, and they spread over all others. The formula:
// docs/sharding.md.
class RendezvousRing final : public Placement {
 public:
  RendezvousRing(const PlacementSettings& settings, const std::vector<PlacementNode>& nodes);
  [[nodiscard]] size_t Pick(std::string_view redis_key) const override;

 private:
  struct Node {
    uint64_t seed;
    double weight;
  };
  KeyHash hash_;
  bool equal_weights_;
  std::vector<Node> nodes_;
};

// django-redis' ShardClient from 3.4 on: 128 points per node, SHA-256 of "<name>:<i>"; a key lives
// on the last point at or below its own SHA-256, before the first on the last. No weights.
class DjangoRedisRing final : public Placement {
 public:
  explicit DjangoRedisRing(const std::vector<PlacementNode>& nodes);
  [[nodiscard]] size_t Pick(std::string_view redis_key) const override;

 private:
  struct Point {
    Sha256Digest value;
    uint32_t node;
  };
  std::vector<Point> points_;  // sorted by value
};

}  // namespace mcrelay::placement
