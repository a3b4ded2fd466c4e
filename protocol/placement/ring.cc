#include "protocol/placement/ring.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "protocol/placement/hash_tag.h"

namespace mcrelay::placement {
namespace {

constexpr uint32_t kKetamaPointsPerNode = 160;
constexpr uint32_t kKetamaPointsPerDigest = 4;
constexpr int kDjangoPointsPerNode = 128;

uint64_t TotalWeight(const std::vector<PlacementNode>& nodes) {
  uint64_t total = 0;
  for (const PlacementNode& node : nodes) total += node.weight;
  return total;
}

// The finisher of SplitMix64 (Steele, Lea, Flood 2014).
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

KeyHash::KeyHash(const PlacementSettings& settings)
    : function_(kHashes[static_cast<size_t>(settings.hash)].function),
      tagged_(!settings.hash_tag.empty()) {
  if (!tagged_) return;
  assert(settings.hash_tag.size() == 2);
  opener_ = settings.hash_tag[0];
  closer_ = settings.hash_tag[1];
}

uint32_t KeyHash::operator()(std::string_view key) const {
  return function_(tagged_ ? TaggedPart(key, opener_, closer_) : key);
}

uint32_t KetamaPoints(uint32_t weight, uint64_t total_weight, size_t nodes) {
  // Stored in `volatile` so that no compiler keeps more precision or fuses steps: the roundings
  // count.
  volatile float share = static_cast<float>(weight) / static_cast<float>(total_weight);
  share = share * static_cast<float>(kKetamaPointsPerNode);
  share = share / static_cast<float>(kKetamaPointsPerDigest);
  share = share * static_cast<float>(nodes);
  const auto digests = static_cast<float>(static_cast<double>(share) + 0.0000000001);
  return static_cast<uint32_t>(std::floor(digests)) * kKetamaPointsPerDigest;
}

KetamaRing::KetamaRing(const PlacementSettings& settings, const std::vector<PlacementNode>& nodes)
    : hash_(settings) {
  const uint64_t total = TotalWeight(nodes);
  for (uint32_t index = 0; index < nodes.size(); ++index) {
    const uint32_t points = KetamaPoints(nodes[index].weight, total, nodes.size());
    for (uint32_t i = 0; i < points / kKetamaPointsPerDigest; ++i) {
      for (const uint32_t word : Md5(nodes[index].name + "-" + std::to_string(i))) {
        points_.push_back({word, index});
      }
    }
  }
  std::sort(points_.begin(), points_.end(), [](const Point& a, const Point& b) {
    return a.value != b.value ? a.value < b.value : a.node < b.node;
  });
}

size_t KetamaRing::Pick(std::string_view redis_key) const {
  const auto at = std::lower_bound(points_.begin(), points_.end(), hash_(redis_key),
                                   [](const Point& p, uint32_t hash) { return p.value < hash; });
  return (at == points_.end() ? points_.front() : *at).node;
}

ModulaRing::ModulaRing(const PlacementSettings& settings, const std::vector<PlacementNode>& nodes)
    : hash_(settings) {
  uint64_t end = 0;
  for (const PlacementNode& node : nodes) ends_.push_back(end += node.weight);
}

size_t ModulaRing::Pick(std::string_view redis_key) const {
  const uint64_t slot = hash_(redis_key) % ends_.back();
  return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), slot) - ends_.begin());
}

RendezvousRing::RendezvousRing(const PlacementSettings& settings,
                               const std::vector<PlacementNode>& nodes)
    : hash_(settings) {
  equal_weights_ = std::all_of(nodes.begin(), nodes.end(), [&](const PlacementNode& node) {
    return node.weight == nodes.front().weight;
  });
  for (const PlacementNode& node : nodes) {
    const Md5Words words = Md5(node.name);
    nodes_.push_back({words[0] | uint64_t{words[1]} << 32, static_cast<double>(node.weight)});
  }
}

size_t RendezvousRing::Pick(std::string_view redis_key) const {
  const uint64_t spread = hash_(redis_key) * 0x9e3779b97f4a7c15;
  size_t best = 0;
  double best_cost = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const auto draw = static_cast<double>((Mix(nodes_[i].seed ^ spread) >> 11) + 1);  // 1 .. 2^53
    const double cost = equal_weights_ ? -draw : -std::log(draw * 0x1p-53) / nodes_[i].weight;
    if (i > 0 && cost >= best_cost) continue;
    best = i;
    best_cost = cost;
  }
  return best;
}

DjangoRedisRing::DjangoRedisRing(const std::vector<PlacementNode>& nodes) {
  for (uint32_t index = 0; index < nodes.size(); ++index) {
    for (int i = 0; i < kDjangoPointsPerNode; ++i) {
      points_.push_back({Sha256(nodes[index].name + ":" + std::to_string(i)), index});
    }
  }
  std::sort(points_.begin(), points_.end(), [](const Point& a, const Point& b) {
    return a.value != b.value ? a.value < b.value : a.node < b.node;
  });
}

size_t DjangoRedisRing::Pick(std::string_view redis_key) const {
  const auto after =
      std::upper_bound(points_.begin(), points_.end(), Sha256(DjangoTaggedPart(redis_key)),
                       [](const Sha256Digest& hash, const Point& p) { return hash < p.value; });
  return (after == points_.begin() ? points_.back() : *std::prev(after)).node;
}

}  // namespace mcrelay::placement
