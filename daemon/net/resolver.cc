#include "daemon/net/resolver.h"

#include <utility>

#include "daemon/net/loop.h"

namespace mcrelay::net {
namespace {

const sockaddr* Choose(const addrinfo* addresses, size_t attempt) {
  size_t count = 0;
  for (const addrinfo* one = addresses; one != nullptr; one = one->ai_next) ++count;
  for (attempt %= count; attempt > 0; --attempt) addresses = addresses->ai_next;
  return addresses->ai_addr;
}

}  // namespace

// Outlives the Lookup until libuv is done with the request.
struct Lookup::State {
  uv_getaddrinfo_t request;
  Callback callback;  // empty once forgotten
  Lookup* owner;
  size_t attempt;
};

Lookup::Lookup(Loop& loop, const std::string& host, uint16_t port, size_t attempt,
               Callback callback)
    : state_(new State{{}, std::move(callback), this, attempt}) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  state_->request.data = state_;
  const int status = uv_getaddrinfo(
      loop.uv(), &state_->request,
      [](uv_getaddrinfo_t* request, int result, addrinfo* addresses) {
        const std::unique_ptr<State> state(static_cast<State*>(request->data));
        if (state->callback) {
          state->owner->state_ = nullptr;
          state->callback(result, result == 0 ? Choose(addresses, state->attempt) : nullptr);
        }
        uv_freeaddrinfo(addresses);
      },
      host.c_str(), std::to_string(port).c_str(), &hints);
  if (status != 0) {
    const std::unique_ptr<State> state(std::exchange(state_, nullptr));
    state->callback(status, nullptr);
  }
}

Lookup::~Lookup() {
  if (state_ == nullptr) return;
  state_->callback = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&state_->request));
}

bool ParseIp(const std::string& host, uint16_t port, sockaddr_storage* address) {
  return uv_ip4_addr(host.c_str(), port, reinterpret_cast<sockaddr_in*>(address)) == 0 ||
         uv_ip6_addr(host.c_str(), port, reinterpret_cast<sockaddr_in6*>(address)) == 0;
}

}  // namespace mcrelay::net
