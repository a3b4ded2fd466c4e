// How many processors this process may use: what is behind `threads: auto`.
//
// Asks the kernel (affinity, control groups). Never fails: what cannot be read is no limit.
#pragma once

#include <cstdint>
#include <string>

namespace mcrelay::config {

// Those of the affinity mask, at most as many as the control group's quota is worth (rounded up),
// at least 1.
uint32_t UsableCpus();

// The tightest CPU quota of the process's control group and those above it, in processors, rounded
// up; 0: none. Version 2 and 1. `root` stands before /proc and /sys, for tests.
uint32_t QuotaCpus(const std::string& root);

}  // namespace mcrelay::config
