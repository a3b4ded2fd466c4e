// Lookup finds a host name's address without blocking the loop.
//
// Threading: the loop's thread. The waiting is done by a thread of its own per name, and not by
// libuv's pool: name servers that do not answer would fill its four threads, so that no other name
// is found, and hold up the end of a loop and of the process, which wait for the pool.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace mcrelay::net {

class Loop;

// Handle of one look-up; destroying it forgets the look-up, the callback does not come then.
class Lookup {
 public:
  // `error` is 0 and `address` valid, or a libuv error code.
  using Callback = std::function<void(int error, const sockaddr* address)>;

  // Of several addresses the one numbered `attempt` (modulo their number) is chosen, so that a
  // caller who tries again tries the next.
  Lookup(Loop& loop, const std::string& host, uint16_t port, size_t attempt, Callback callback);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  [[nodiscard]] bool pending() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Fills `address` when `host` is an IPv4 or IPv6 address in digits, else returns false.
[[nodiscard]] bool ParseIp(const std::string& host, uint16_t port, sockaddr_storage* address);

}  // namespace mcrelay::net
