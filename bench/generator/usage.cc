#include "bench/generator/usage.h"

#include <unistd.h>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace mcrelay::bench {
namespace {

int64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// schedstat's first number: nanoseconds on a core, exact at every switch and tick.
int64_t ProcessNs(pid_t pid) {
  int64_t sum = 0;
  std::error_code error;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    int64_t ns = 0;
    if (std::ifstream(task.path() / "schedstat") >> ns) sum += ns;
  }
  return sum;
}

CoreTime ReadCore(int cpu) {
  std::ifstream file("/proc/stat");
  const std::string name = "cpu" + std::to_string(cpu);
  const int64_t tick_ms = 1000 / sysconf(_SC_CLK_TCK);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string word;
    int64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0;
    if (!(fields >> word) || word != name) continue;
    fields >> user >> nice >> system >> idle >> wait >> irq >> softirq >> steal;
    return {(user + nice + system + irq + softirq) * tick_ms, steal * tick_ms};
  }
  return {};
}

}  // namespace

int64_t NowNs() { return ClockNs(CLOCK_MONOTONIC); }

Usage ReadUsage(const Options& options, const std::vector<Counters>& counters) {
  Usage usage;
  for (const WatchedProcess& watched : options.watched) {
    usage.process_ns.push_back(ProcessNs(watched.pid));
  }
  for (const Counters& counter : counters) usage.counts.push_back(counter.Read());
  for (const int cpu : options.watched_cpus) usage.cores.push_back(ReadCore(cpu));
  usage.own_ns = ClockNs(CLOCK_PROCESS_CPUTIME_ID);
  return usage;
}

}  // namespace mcrelay::bench
