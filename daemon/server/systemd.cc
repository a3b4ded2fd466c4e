#include "daemon/server/systemd.h"

#include <systemd/sd-daemon.h>

#include <ctime>

namespace mcrelay::server::systemd {

static_assert(kFirstInherited == SD_LISTEN_FDS_START);

namespace {

void Tell(const std::string& state) { sd_notify(0, state.c_str()); }

}  // namespace

int InheritedSockets() { return sd_listen_fds(1); }

void TellReady(const std::string& status) { Tell("READY=1\nSTATUS=" + status); }

// The time lets a manager of version 253 or later tell this reload's READY from an earlier one.
void TellReloading() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t us = uint64_t(now.tv_sec) * 1'000'000 + uint64_t(now.tv_nsec) / 1000;
  Tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us) + "\nSTATUS=reloading");
}

void TellStopping(const std::string& status) { Tell("STOPPING=1\nSTATUS=" + status); }

void TellStatus(const std::string& status) { Tell("STATUS=" + status); }

uint64_t WatchdogMs() {
  uint64_t us = 0;
  return sd_watchdog_enabled(0, &us) > 0 ? us / 1000 : 0;
}

void TellAlive() { Tell("WATCHDOG=1"); }

}  // namespace mcrelay::server::systemd
