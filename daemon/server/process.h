// What the process does to itself at start, as memcached's flags of the same meaning do.
//
// Main thread, before any other thread exists. Failures throw std::runtime_error.
#pragma once

#include <cstdint>
#include <string>

namespace mcrelay::server {

// Allows at least `wanted` open descriptors, or says that it cannot; with `as_many_as_may_be` the
// hard limit's.
void RaiseDescriptorLimit(uint64_t wanted, bool as_many_as_may_be);
// -u: becomes `user` for good. Empty: stays; as root that earns one warning.
void DropPrivileges(const std::string& user);
// Buffers of large values are reused instead of being returned to the kernel between any two
// requests.
void KeepFreedMemory();
// -k: no limit, or none at all, since under one that is reached later every allocation fails.
// `user` is who we become; root's rights are needed.
void LockMemory(const std::string& user);
// -r
void AllowCoreDumps();
// -d: goes on in the background; the foreground process exits 0.
void Daemonize();

// -P: the file holds our pid while this lives.
class PidFile {
 public:
  explicit PidFile(const std::string& path);  // empty: none
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  const std::string path_;
};

}  // namespace mcrelay::server
