#include "daemon/net/memory.h"

#include <malloc.h>

#include <cstdlib>
#include <mutex>

namespace mcrelay::net {

#ifdef __GLIBC__

namespace {

// A free end of a heap above this goes back to the kernel at once.
constexpr int kMostKeptBytes = 64 << 20;
// glibc looks at the end of a heap when a block of 64 KiB or more is freed.
constexpr size_t kLooksBytes = 128 << 10;

}  // namespace

void KeepFreedMemory() {
  // By default memory of 128 KiB and more is unmapped when it is freed, and a free end of the heap
  // of that size is given back: at 100 KiB a value that was two thirds of the proxy's work, all of
  // it page faults.
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, kMostKeptBytes);
}

void GiveFreedMemoryBack() {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  // malloc_trim() gives back what lies between blocks that are in use, but the end of the main
  // thread's heap only.
  mallopt(M_TRIM_THRESHOLD, 0);
  void* volatile block = std::malloc(kLooksBytes);
  std::free(block);
  mallopt(M_TRIM_THRESHOLD, kMostKeptBytes);
  malloc_trim(0);
}

#else

void KeepFreedMemory() {}
void GiveFreedMemoryBack() {}

#endif

}  // namespace mcrelay::net
