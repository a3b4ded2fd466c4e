// CPU time of processes and cores from /proc, cycles and instructions from the processor's
// counters.
//
// A process that is gone, or a field this kernel does not have, reads as 0.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <vector>

#include "bench/generator/counters.h"
#include "bench/generator/options.h"

namespace mcrelay::bench {

// One core since boot, milliseconds (the kernel counts in ticks of usually 10).
struct CoreTime {
  int64_t busy_ms = 0;   // user, system and interrupts, whoever caused them
  int64_t steal_ms = 0;  // taken away by the hypervisor
};

// What the watched processes and cores had used up at one moment.
struct Usage {
  std::vector<int64_t> process_ns;      // in the order of Options::watched, all threads
  std::vector<Counters::Count> counts;  // likewise
  std::vector<CoreTime> cores;          // in the order of Options::watched_cpus
  int64_t own_ns = 0;                   // this process
};

// `counters`: one per Options::watched, or none.
[[nodiscard]] Usage ReadUsage(const Options& options, const std::vector<Counters>& counters);
[[nodiscard]] int64_t NowNs();

}  // namespace mcrelay::bench
