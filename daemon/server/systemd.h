// What systemd is told of the daemon (sd_notify(3)), and the sockets it hands over.
//
// Without a service manager (NOTIFY_SOCKET is not set) telling does nothing. Main thread.
#pragma once

#include <cstdint>
#include <string>

namespace mcrelay::server::systemd {

// Descriptors from 3 on that were opened for us (systemd.socket(5)); their number.
[[nodiscard]] int InheritedSockets();
inline constexpr int kFirstInherited = 3;

// `status` is the line in `systemctl status`.
void TellReady(const std::string& status);
void TellReloading();
void TellStopping(const std::string& status);
void TellStatus(const std::string& status);

// How long systemd waits for TellAlive() before it ends and restarts us; 0: it does not watch.
[[nodiscard]] uint64_t WatchdogMs();
void TellAlive();

}  // namespace mcrelay::server::systemd
