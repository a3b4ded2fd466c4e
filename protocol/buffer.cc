#include "protocol/buffer.h"

#include <algorithm>
#include <bit>

#include "protocol/decimal.h"

namespace mcrelay {
namespace {

constexpr size_t kSmallestCapacity = 256;
// Below this, capacities are powers of two, so that a buffer that has grown for one content does
// not come out above a pool's limit where another, of equal content, comes out at it.
constexpr size_t kLargeCapacity = 64 * 1024;

}  // namespace

void Buffer::AppendNumber(uint64_t number) {
  char* const tail = Reserve(kMostDecimalDigits);
  end_ += static_cast<size_t>(WriteDecimal(number, tail) - tail);
}

void Buffer::Grow(size_t bytes) {
  const size_t used = size();
  // Moving to the front is enough when that frees half of the memory: it then pays for itself.
  if (used + bytes <= capacity_ && begin_ >= capacity_ / 2) {
    std::memmove(data_.get(), data(), used);
  } else {
    size_t wanted = std::max({used + bytes, capacity_ * 2, kSmallestCapacity});
    if (wanted < kLargeCapacity) wanted = std::bit_ceil(wanted);
    auto larger = std::make_unique_for_overwrite<char[]>(wanted);
    if (used > 0) std::memcpy(larger.get(), data(), used);
    data_ = std::move(larger);
    capacity_ = wanted;
  }
  begin_ = 0;
  end_ = used;
}

}  // namespace mcrelay
