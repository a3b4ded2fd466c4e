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
// -u: becomes `user` for good. Empty: stays; as root that earns one warning. Who leaves root can no
// longer dump core unless `core_dumps`.
void DropPrivileges(const std::string& user, bool core_dumps);
// -k: no limit, or none at all, since under one that is reached later every allocation fails.
// `user` is who we become; root's rights are needed.
void LockMemory(const std::string& user);
// -r
void AllowCoreDumps();
// -d: the process goes on in the background; the one in the foreground waits until it serves, and
// exits 0, or with the status with which the background one ended.
// Order: constructed before any thread or socket exists; Ready() once. What is said before Ready()
// is seen in the foreground, afterwards only if `keep_stderr` (memcached's -v). Leaves the working
// directory for / unless `keep_folder`, where core files go (-r).
class Background {
 public:
  Background(bool keep_stderr, bool keep_folder);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void Ready();

 private:
  const bool keep_stderr_;
  int waiting_ = -1;  // closed when we end; a byte on it: ready
};

// -P: the file holds our pid while this lives. As memcached, we go on without when it cannot be
// written. Made with root's rights: without them it may end up empty instead of removed.
class PidFile {
 public:
  explicit PidFile(const std::string& path);  // empty: none
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  const std::string path_;
  int file_ = -1;
};

}  // namespace mcrelay::server
