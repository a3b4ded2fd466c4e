// Io is what every stream of one worker shares: its loop, its spare buffers, and the memory it
// reads into.
//
// Owned by the worker; used on its thread only.
#pragma once

#include <array>
#include <cstddef>

#include "daemon/net/buffer_pool.h"
#include "daemon/net/loop.h"

namespace mcrelay::net {

inline constexpr size_t kReadBytes = 64 * 1024;

struct Io {
  Loop loop;
  BufferPool buffers;
  // One read's bytes; whoever reads takes out what it must keep before it returns.
  std::array<char, kReadBytes> scratch;
};

}  // namespace mcrelay::net
