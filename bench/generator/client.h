// Client: one connection of the load generator, its requests in flight and its unparsed and unsent
// bytes.
//
// Owned by the Generator, on its thread. The socket is non-blocking; all calls say so by their
// result.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "bench/generator/options.h"
#include "bench/generator/workload.h"

namespace mcrelay::bench {

class Client {
 public:
  explicit Client(uint64_t seed) : random(seed) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False, and a message in *why, when the server does not accept.
  [[nodiscard]] bool Connect(const Options& options, std::string* why);
  [[nodiscard]] int fd() const { return fd_; }
  // Sends what it can of `out`. False when the connection is broken.
  [[nodiscard]] bool Send();

  Random random;
  std::deque<Request> in_flight;  // oldest first
  std::string in;                 // the start of a reply whose end has not come yet
  std::string out;                // not sent yet, from `out_sent` on
  size_t out_sent = 0;
  bool wants_write = false;  // registered for EPOLLOUT

 private:
  int fd_ = -1;
};

}  // namespace mcrelay::bench
