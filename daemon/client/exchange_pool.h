// ExchangePool keeps finished exchanges for reuse, with the memory of their strings, so that a
// command allocates nothing in steady state.
//
// Owned by a worker; used on its thread only.
#pragma once

#include <cstddef>

namespace mcrelay::client {

struct Context;
class Exchange;

class ExchangePool {
 public:
  explicit ExchangePool(Context& context) : context_(context) {}
  ~ExchangePool();
  ExchangePool(const ExchangePool&) = delete;
  ExchangePool& operator=(const ExchangePool&) = delete;

  [[nodiscard]] Exchange* Take();
  void Give(Exchange* exchange);

 private:
  // Beyond this many idle ones (about 1 KiB each) memory goes back to the allocator.
  static constexpr size_t kMostKept = 4096;

  Context& context_;
  Exchange* free_ = nullptr;
  size_t kept_ = 0;
};

}  // namespace mcrelay::client
