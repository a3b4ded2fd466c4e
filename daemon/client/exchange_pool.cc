#include "daemon/client/exchange_pool.h"

#include "daemon/client/exchange.h"

namespace mcrelay::client {

ExchangePool::~ExchangePool() {
  while (free_ != nullptr) {
    Exchange* const exchange = free_;
    free_ = exchange->next;
    delete exchange;
  }
}

Exchange* ExchangePool::Take() {
  if (free_ == nullptr) return new Exchange(context_);
  Exchange* const exchange = free_;
  free_ = exchange->next;
  --kept_;
  if (free_ != nullptr) Exchange::Prefetch(free_->next);
  return exchange;
}

void ExchangePool::Give(Exchange* exchange) {
  if (kept_ >= kMostKept) {
    delete exchange;
    return;
  }
  exchange->next = free_;
  free_ = exchange;
  ++kept_;
}

}  // namespace mcrelay::client
