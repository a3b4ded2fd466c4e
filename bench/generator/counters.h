// Counters: cycles and instructions of processes, kernel included, from the processor's own
// counters.
//
// CPU time also counts what a hypervisor takes away, and differs from one clock speed to another;
// cycles and instructions do not. Opened before the run, closed with the object. Where the kernel
// or the machine refuses (perf_event_paranoid, no counters in a virtual machine), all read 0.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <vector>

namespace mcrelay::bench {

class Counters {
 public:
  struct Count {
    int64_t cycles = 0;
    int64_t instructions = 0;
  };

  // All threads that `pid` has now, and those that they start.
  explicit Counters(pid_t pid);
  ~Counters();
  Counters(Counters&& other) noexcept;
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;
  Counters& operator=(Counters&&) = delete;

  [[nodiscard]] Count Read() const;

 private:
  std::vector<int> cycles_, instructions_;  // one descriptor per thread
};

}  // namespace mcrelay::bench
