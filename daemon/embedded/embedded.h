// Embedded is the private redis-server that keeps the items when no backend is named: on a Unix
// socket in a folder of its own, no TCP port, no persistence, bounded memory.
//
// Owned by the server; used on the main thread. The child is started again when it dies or hangs,
// and ends with the daemon, also when that is killed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "daemon/embedded/folder.h"
#include "daemon/net/child.h"
#include "daemon/net/loop.h"

namespace mcrelay::embedded {

class Embedded {
 public:
  // Starts it and waits until it answers. Throws std::runtime_error with what to do when it cannot:
  // no redis-server on the machine, no folder to write to.
  Embedded(net::Loop& loop, uint64_t memory_bytes, bool evictions);
  ~Embedded();
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;

  // How the workers reach it.
  [[nodiscard]] config::Backend backend() const;
  // From now on a child that is `down`, as the workers see it, for ten seconds is killed, and so
  // started again.
  void Watch(std::function<bool()> down);
  // maxmemory of the child when it is started again.
  void SetMemory(uint64_t bytes) { memory_bytes_ = bytes; }

 private:
  void StartChild();
  void WaitUntilItAnswers();
  void LookAfterIt();

  net::Loop& loop_;
  uint64_t memory_bytes_;
  const bool evictions_;
  std::string program_;
  Folder folder_;
  std::unique_ptr<net::Child> child_;  // goes before its folder
  net::Timer restart_;
  net::Timer watch_;
  std::function<bool()> down_;
  int seconds_down_ = 0;
  int watched_ = 0;  // the child's pid, a second ago
};

}  // namespace mcrelay::embedded
