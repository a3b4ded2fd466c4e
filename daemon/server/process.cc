#include "daemon/server/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <utility>

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

void DropPrivileges(const std::string& user, bool core_dumps) {
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
  if (core_dumps && prctl(PR_SET_DUMPABLE, 1) != 0) Throw("prctl");
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
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_CORE, &unlimited) == 0) return;
  rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) != 0) Throw("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur == 0) {
    throw std::runtime_error("-r: core files are not allowed here (ulimit -c)");
  }
}

namespace {

// In the foreground: waits for the byte or the end of `child`, then ends.
[[noreturn]] void AwaitReady(int pipe, pid_t child) {
  char ready = 0;
  ssize_t got = 0;
  while ((got = read(pipe, &ready, 1)) < 0 && errno == EINTR) {
  }
  if (got == 1) _exit(0);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

void SendToNull(std::initializer_list<int> descriptors) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) Throw("cannot open /dev/null");
  for (const int descriptor : descriptors) dup2(null, descriptor);
  close(null);
}

}  // namespace

Background::Background(bool keep_stderr, bool keep_folder) : keep_stderr_(keep_stderr) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Throw("pipe");
  const pid_t child = fork();
  if (child < 0) Throw("cannot go to the background");
  close(ends[child == 0 ? 0 : 1]);
  if (child > 0) AwaitReady(ends[0], child);
  waiting_ = ends[1];
  setsid();
  if (!keep_folder && chdir("/") != 0) Throw("chdir /");
  SendToNull({STDIN_FILENO});
}

Background::~Background() {
  if (waiting_ >= 0) close(waiting_);
}

void Background::Ready() {
  if (!keep_stderr_) SendToNull({STDOUT_FILENO, STDERR_FILENO});
  // If nobody waits any more, nobody needs to know.
  [[maybe_unused]] const ssize_t told = write(waiting_, "+", 1);
  close(std::exchange(waiting_, -1));
}

PidFile::PidFile(const std::string& path) : path_(path) {
  if (path_.empty()) return;
  const std::string text = std::to_string(getpid()) + "\n";
  constexpr mode_t kAllRead = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kAllRead);
  if (file_ < 0 || write(file_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    log::Warning(log::Event::kStart, "cannot write the pid file {}: {}", path_,
                 std::strerror(errno));
  }
}

PidFile::~PidFile() {
  if (file_ < 0) return;
  if (unlink(path_.c_str()) != 0) (void)!ftruncate(file_, 0);
  close(file_);
}

}  // namespace mcrelay::server
