#include "protocol/buffer.h"

#include <algorithm>
#include <charconv>

namespace mcrelay {
namespace {

constexpr size_t kSmallestCapacity = 256;

}  // namespace

void Buffer::AppendNumber(uint64_t number) {
  constexpr size_t kMostDigits = 20;
  char* tail = Reserve(kMostDigits);
  end_ += std::to_chars(tail, tail + kMostDigits, number).ptr - tail;
}

void Buffer::Grow(size_t bytes) {
  const size_t used = size();
  // Moving to the front is enough when that frees half of the memory: it then pays for itself.
  if (used + bytes <= capacity_ && begin_ >= capacity_ / 2) {
    std::memmove(data_.get(), data(), used);
  } else {
    const size_t wanted = std::max({used + bytes, capacity_ * 2, kSmallestCapacity});
    auto larger = std::make_unique_for_overwrite<char[]>(wanted);
    if (used > 0) std::memcpy(larger.get(), data(), used);
    data_ = std::move(larger);
    capacity_ = wanted;
  }
  begin_ = 0;
  end_ = used;
}

}  // namespace mcrelay
