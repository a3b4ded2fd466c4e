// BufferPool lends Buffers that already have memory, so that a warmed-up worker allocates none and
// an idle session holds none.
//
// Owned by a worker; used on its thread only. Keeps buffers of at most kMostBytes each and
// kMostKeptBytes together; what comes back above that is freed.
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
    kept_bytes_ -= kept_.back().capacity();
    buffer->Swap(kept_.back());
    kept_.pop_back();
  }
  // Takes the memory of an empty `buffer` back.
  void Return(Buffer* buffer) {
    if (buffer->capacity() == 0) return;
    if (buffer->capacity() > kMostBytes || kept_bytes_ + buffer->capacity() > kMostKeptBytes) {
      freed_bytes_ += buffer->capacity();
      buffer->Release();
      return;
    }
    buffer->Clear();
    kept_bytes_ += buffer->capacity();
    kept_.emplace_back(std::move(*buffer));
  }
  // What was freed because it is too large to be kept, since ForgetFreed().
  [[nodiscard]] size_t freed_bytes() const { return freed_bytes_; }
  void ForgetFreed() { freed_bytes_ = 0; }

 private:
  static constexpr size_t kMostBytes = 64 * 1024;
  static constexpr size_t kMostKeptBytes = 8 << 20;

  std::vector<Buffer> kept_;
  size_t kept_bytes_ = 0;
  size_t freed_bytes_ = 0;
};

}  // namespace mcrelay::net
