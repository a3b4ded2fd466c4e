#include "daemon/client/window.h"

#include <algorithm>

namespace mcrelay::client {

void Window::Learn(uint32_t bytes, uint32_t* everybody) {
  const auto blend = [bytes](uint32_t average, uint32_t weight) {
    return std::max<uint32_t>(
        static_cast<uint32_t>((uint64_t{average} * (weight - 1) + bytes) / weight), kLineBytes + 1);
  };
  // Up at once, down slowly: one large value may announce more.
  read_bytes_ = std::max(blend(read_bytes_, 8), std::min(bytes, kBytes));
  *everybody = blend(*everybody, 64);
}

}  // namespace mcrelay::client
