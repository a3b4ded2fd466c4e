// BufferPool lends Buffers that already have memory, so that a warmed-up worker allocates none and
// an idle session holds none.
//
// Owned by a worker; used on its thread only. Keeps at most kMostKept buffers of at most
// kMostBytes; what comes back above that is freed.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "protocol/buffer.h"

namespace mcrelay::net {

class BufferPool {
 public:
  // Gives `buffer` memory when it has none.
  void Lend(Buffer* buffer) {
    if (buffer->capacity() != 0 || kept_.empty()) return;
    buffer->Swap(kept_.back());
    kept_.pop_back();
  }
  // Takes the memory of an empty `buffer` back.
  void Return(Buffer* buffer) {
    if (buffer->capacity() == 0) return;
    if (kept_.size() >= kMostKept || buffer->capacity() > kMostBytes) {
      buffer->Release();
      return;
    }
    buffer->Clear();
    kept_.emplace_back(std::move(*buffer));
  }

 private:
  static constexpr size_t kMostKept = 128;
  static constexpr size_t kMostBytes = 64 * 1024;

  std::vector<Buffer> kept_;
};

}  // namespace mcrelay::net
