#include "protocol/placement/placement.h"

#include <array>
#include <cassert>

#include "protocol/placement/ring.h"

namespace mcrelay::placement {
namespace {

constexpr std::array<std::string_view, 4> kDistributionNames{"ketama", "modula", "rendezvous",
                                                             "django-redis"};

class OneNode final : public Placement {
 public:
  [[nodiscard]] size_t Pick(std::string_view /*redis_key*/) const override { return 0; }
};

}  // namespace

bool ParseDistribution(std::string_view name, Distribution* distribution) {
  for (size_t i = 0; i < kDistributionNames.size(); ++i) {
    if (kDistributionNames[i] != name) continue;
    *distribution = static_cast<Distribution>(i);
    return true;
  }
  return false;
}

std::unique_ptr<Placement> MakePlacement(const PlacementSettings& settings,
                                         const std::vector<PlacementNode>& nodes) {
  assert(!nodes.empty());
  assert(settings.hash_tag.empty() || settings.hash_tag.size() == 2);
  if (nodes.size() == 1) return std::make_unique<OneNode>();
  switch (settings.distribution) {
    case Distribution::kModula:
      return std::make_unique<ModulaRing>(settings, nodes);
    case Distribution::kRendezvous:
      return std::make_unique<RendezvousRing>(settings, nodes);
    case Distribution::kDjangoRedis:
      return std::make_unique<DjangoRedisRing>(nodes);
    case Distribution::kKetama:
      break;
  }
  return std::make_unique<KetamaRing>(settings, nodes);
}

}  // namespace mcrelay::placement
