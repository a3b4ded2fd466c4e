#include "config/cpus.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace mcrelay::config {
namespace {

// A tree that stands for /proc and /sys.
class Machine {
 public:
  explicit Machine(const std::string& groups) {
    std::string name = std::filesystem::temp_directory_path() / "mcrelay-cpus-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    root_ = name;
    Write("/proc/self/cgroup", groups);
  }
  ~Machine() { std::filesystem::remove_all(root_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  [[nodiscard]] uint32_t quota() const { return QuotaCpus(root_); }

 private:
  std::string root_;
};

}  // namespace

TEST_CASE("cpus: a quota counts in whole processors, rounded up") {
  Machine machine("0::/\n");
  CHECK(machine.quota() == 0);  // the root of all groups has none
  const auto with = [&](const std::string& limit) {
    machine.Write("/sys/fs/cgroup/cpu.max", limit);
    return machine.quota();
  };
  CHECK(with("200000 100000\n") == 2);
  CHECK(with("150000 100000\n") == 2);
  CHECK(with("5000 100000\n") == 1);
  CHECK(with("max 100000\n") == 0);
  CHECK(with("nonsense\n") == 0);
  CHECK(with("0 0\n") == 0);
}

TEST_CASE("cpus: the tightest of the groups above counts") {
  Machine machine("0::/a.slice/b.service\n");
  machine.Write("/sys/fs/cgroup/a.slice/b.service/cpu.max", "800000 100000\n");
  CHECK(machine.quota() == 8);
  machine.Write("/sys/fs/cgroup/a.slice/cpu.max", "300000 100000\n");
  CHECK(machine.quota() == 3);
  machine.Write("/sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
  CHECK(machine.quota() == 3);
}

TEST_CASE("cpus: a container that sees the host's path has its own group mounted") {
  Machine machine("0::/kubepods/pod1/abc\n");
  machine.Write("/sys/fs/cgroup/cpu.max", "100000 50000\n");
  CHECK(machine.quota() == 2);
}

TEST_CASE("cpus: version 1 has a quota and a period in two files") {
  Machine machine("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n2:cpuset:/\n");
  CHECK(machine.quota() == 0);
  machine.Write("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "250000\n");
  machine.Write("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
  CHECK(machine.quota() == 3);
  machine.Write("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
  CHECK(machine.quota() == 0);
}

TEST_CASE("cpus: without groups there is no quota, and there is a processor") {
  CHECK(Machine("").quota() == 0);
  CHECK(Machine("\n:\nx\n0:\n").quota() == 0);
  CHECK(UsableCpus() >= 1);
}

}  // namespace mcrelay::config
