#include "bench/generator/counters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <filesystem>
#include <string>
#include <utility>

namespace mcrelay::bench {
namespace {

int Open(pid_t tid, uint64_t event) {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_HARDWARE;
  attr.config = event;
  attr.inherit = 1;
  attr.exclude_hv = 1;
  return static_cast<int>(syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

int64_t Sum(const std::vector<int>& descriptors) {
  int64_t sum = 0;
  for (const int fd : descriptors) {
    int64_t value = 0;
    if (read(fd, &value, sizeof(value)) == sizeof(value)) sum += value;
  }
  return sum;
}

}  // namespace

Counters::Counters(pid_t pid) {
  std::error_code error;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    const pid_t tid = std::stoi(task.path().filename().string());
    if (const int fd = Open(tid, PERF_COUNT_HW_CPU_CYCLES); fd >= 0) cycles_.push_back(fd);
    if (const int fd = Open(tid, PERF_COUNT_HW_INSTRUCTIONS); fd >= 0) instructions_.push_back(fd);
  }
}

Counters::Counters(Counters&& other) noexcept
    : cycles_(std::exchange(other.cycles_, {})),
      instructions_(std::exchange(other.instructions_, {})) {}

Counters::~Counters() {
  for (const int fd : cycles_) close(fd);
  for (const int fd : instructions_) close(fd);
}

Counters::Count Counters::Read() const { return {Sum(cycles_), Sum(instructions_)}; }

}  // namespace mcrelay::bench
