#include "daemon/client/context.h"

#include <ctime>

namespace mcrelay::client {

translate::Environment Context::Environment() {
  if (clock_turn != turn) {
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE,
                  &now);  // expiry is in seconds: 4 ms coarse is exact enough
    unix_ms = int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
    clock_turn = turn;
  }
  return {runtime->translate, cas, unix_ms};
}

}  // namespace mcrelay::client
