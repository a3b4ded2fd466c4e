// Embedded is the private redis-server that keeps the items when no backend is named: on a Unix
// socket in a folder of its own, no TCP port, no persistence, bounded memory.
//
// Owned by the server; used on the main thread. The child is started again when it dies, and ends
// with the daemon, also when that is killed.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
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
  // maxmemory of the child when it is started again.
  void SetMemory(uint64_t bytes) { memory_bytes_ = bytes; }

 private:
  void StartChild();
  void WaitUntilItAnswers();

  net::Loop& loop_;
  uint64_t memory_bytes_;
  const bool evictions_;
  std::string program_;
  bool ours_ = false;  // we made folder_; set while folder_ is initialised, hence before it
  std::string folder_;
  std::unique_ptr<net::Child> child_;
  net::Timer restart_;
};

}  // namespace mcrelay::embedded
