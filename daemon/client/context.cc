#include "daemon/client/context.h"

#include <ctime>

namespace mcrelay::client {

void Context::ReadClock() {
  timespec now;
  // Expiry is in seconds: 4 ms coarse is exact enough.
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  unix_ms = int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  clock_turn = turn;
}

}  // namespace mcrelay::client
