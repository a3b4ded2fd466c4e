#include "daemon/embedded/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string_view>

namespace mcrelay::embedded {
namespace {

constexpr std::string_view kStart = "mcrelay-";
constexpr size_t kRandom = 6;  // characters that mkdtemp() fills in

// Ours, with a lock that nobody holds any more.
bool IsStale(const std::string& path) {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return false;
  struct stat status;
  const bool ours = fstat(folder, &status) == 0 && status.st_uid == geteuid();
  const int lock = ours ? openat(folder, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
  close(folder);
  if (lock < 0) return false;
  const bool stale = flock(lock, LOCK_EX | LOCK_NB) == 0;
  close(lock);
  return stale;
}

void RemoveStale(const std::string& base) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(base, ignored)) {
    const std::string name = entry.path().filename();
    if (name.size() != kStart.size() + kRandom || !name.starts_with(kStart)) continue;
    if (IsStale(entry.path())) std::filesystem::remove_all(entry.path(), ignored);
  }
}

// Under its name it is locked from the first moment. Without it the folder is only never taken for
// stale.
int MakeLock(const std::string& folder) {
  const std::string aside = folder + "/lock.new";
  const int lock = open(aside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) {
    (void)rename(aside.c_str(), (folder + "/lock").c_str());
  }
  return lock;
}

}  // namespace

Folder::Folder() {
  const char* runtime = std::getenv("RUNTIME_DIRECTORY");
  if (runtime != nullptr && *runtime != '\0') {
    path_ = std::string(runtime).substr(0, std::strcspn(runtime, ":"));
    return;
  }
  for (const char* name : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    const char* base = std::getenv(name);
    if (base != nullptr && *base != '\0' && MakeIn(base)) return;
  }
  if (MakeIn("/tmp")) return;
  throw std::runtime_error(std::string("cannot make a folder for the embedded store in /tmp: ") +
                           std::strerror(errno));
}

Folder::~Folder() {
  std::error_code ignored;
  if (ours_) {
    std::filesystem::remove_all(path_, ignored);
  } else {
    std::filesystem::remove(socket(), ignored);
    std::filesystem::remove(log(), ignored);
  }
  if (lock_ >= 0) close(lock_);
}

bool Folder::MakeIn(const std::string& base) {
  RemoveStale(base);
  path_ = base + "/" + std::string(kStart) + std::string(kRandom, 'X');
  ours_ = mkdtemp(path_.data()) != nullptr;
  if (ours_) lock_ = MakeLock(path_);
  return ours_;
}

}  // namespace mcrelay::embedded
