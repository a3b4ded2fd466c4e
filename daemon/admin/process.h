// What the kernel knows of this process. Any thread. 0 where /proc does not tell.
#pragma once

#include <cstdint>

namespace mcrelay::admin {

[[nodiscard]] uint64_t ResidentBytes();
[[nodiscard]] uint64_t OpenDescriptors();
[[nodiscard]] uint64_t MostDescriptors();

}  // namespace mcrelay::admin
