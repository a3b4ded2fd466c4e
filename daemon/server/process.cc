#include "daemon/server/process.h"

#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "daemon/log/log.h"

namespace mcrelay::server {
namespace {

[[noreturn]] void Throw(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

}  // namespace

void RaiseDescriptorLimit(uint64_t wanted, bool as_many_as_may_be) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) Throw("getrlimit");
  if (as_many_as_may_be && limit.rlim_max > wanted) wanted = limit.rlim_max;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  limit.rlim_max = std::max<rlim_t>(limit.rlim_max, wanted);
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  throw std::runtime_error("the limit of open files (ulimit -n) is below the " +
                           std::to_string(wanted) +
                           " this many connections (-c) need: raise it, or lower -c");
}

void DropPrivileges(const std::string& user) {
  if (user.empty()) {
    if (geteuid() == 0) {
      log::Warning(log::Event::kConfig,
                   "running as root: name a user with -u (fine in a container)");
    }
    return;
  }
  if (geteuid() != 0) return;  // memcached ignores -u unless it can honour it
  errno = 0;
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) throw std::runtime_error("-u: no user named " + user);
  if (initgroups(user.c_str(), entry->pw_gid) != 0) Throw("initgroups");
  if (setgid(entry->pw_gid) != 0) Throw("setgid");
  if (setuid(entry->pw_uid) != 0) Throw("setuid");
}

void KeepFreedMemory() {
#ifdef __GLIBC__
  // By default memory of 128 KiB and more is unmapped when it is freed, and a free end of the heap
  // of that size is given back: at 100 KiB a value that was two thirds of the proxy's work, all of
  // it page faults.
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

void LockMemory(const std::string& user) {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  const bool unbounded =
      setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0 || (geteuid() == 0 && user.empty());
  if (!unbounded || mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    log::Warning(log::Event::kConfig, "-k: cannot lock memory (ulimit -l): {}",
                 std::strerror(errno));
  }
}

void AllowCoreDumps() {
  rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) != 0) Throw("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur == 0) {
    throw std::runtime_error("-r: core files are not allowed here (ulimit -c)");
  }
}

void Daemonize() {
  if (daemon(/*nochdir=*/1, /*noclose=*/0) != 0) Throw("daemon");
}

PidFile::PidFile(const std::string& path) : path_(path) {
  if (path_.empty()) return;
  std::ofstream file(path_);
  file << getpid() << "\n";
  file.close();
  if (!file) Throw("cannot write the pid file " + path_);
}

PidFile::~PidFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

}  // namespace mcrelay::server
