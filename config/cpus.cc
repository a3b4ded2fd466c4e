#include "config/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string_view>
#include <thread>

namespace mcrelay::config {
namespace {

constexpr uint32_t kNone = 0;

uint32_t Smaller(uint32_t one, uint32_t other) {
  return one == kNone || other == kNone ? std::max(one, other) : std::min(one, other);
}

uint32_t Worth(double quota, double period) {
  return quota > 0 && period > 0 ? static_cast<uint32_t>(std::ceil(quota / period)) : kNone;
}

// cpu.max: `150000 100000`, or `max 100000`, which no number can be read from.
uint32_t QuotaV2(const std::string& folder) {
  double quota = 0;
  double period = 0;
  std::ifstream file(folder + "/cpu.max");
  return file >> quota >> period ? Worth(quota, period) : kNone;
}

uint32_t QuotaV1(const std::string& folder) {
  double quota = 0;  // -1: none
  double period = 0;
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  return quota_file >> quota && period_file >> period ? Worth(quota, period) : kNone;
}

// Of the group `path` below `mount` and all above it. In a container the path may be the host's,
// and the container's own group is what is mounted: then only the last step finds something.
template <typename Quota>
uint32_t Tightest(const std::string& mount, std::string path, Quota quota) {
  uint32_t cpus = kNone;
  while (true) {
    cpus = Smaller(cpus, quota(mount + path));
    if (path.empty()) return cpus;
    path.erase(path.find_last_of('/'));
  }
}

bool HasWord(std::string_view list, std::string_view word) {
  while (true) {
    const size_t comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

uint32_t QuotaCpus(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  uint32_t cpus = kNone;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // id:controllers:/path
    const size_t first = line.find(':');
    const size_t second = line.find(":/", std::min(first, line.size() - 1) + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) {
      cpus = Smaller(cpus, Tightest(mount, path, QuotaV2));
    } else if (HasWord(controllers, "cpu")) {
      cpus = Smaller(cpus, Tightest(mount + "/cpu", path, QuotaV1));
    }
  }
  return cpus;
}

uint32_t UsableCpus() {
  cpu_set_t mask;
  const bool known = sched_getaffinity(0, sizeof mask, &mask) == 0;  // not with over 1024 CPUs
  const auto cpus =
      known ? static_cast<uint32_t>(CPU_COUNT(&mask)) : std::thread::hardware_concurrency();
  return std::max(Smaller(cpus, QuotaCpus("")), 1u);
}

}  // namespace mcrelay::config
