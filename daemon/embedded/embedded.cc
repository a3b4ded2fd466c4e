#include "daemon/embedded/embedded.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "daemon/log/log.h"

namespace mcrelay::embedded {
namespace {

constexpr uint64_t kRestartMs = 200;
constexpr auto kStartTime = std::chrono::seconds(5);

std::string FindProgram() {
  const char* path = std::getenv("PATH");
  std::string_view folders = path == nullptr ? "/usr/bin:/bin" : path;
  while (!folders.empty()) {
    const std::string_view folder = folders.substr(0, folders.find(':'));
    folders.remove_prefix(std::min(folders.size(), folder.size() + 1));
    const std::string program = std::string(folder) + "/redis-server";
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  throw std::runtime_error(
      "no redis-server on this machine for the embedded store: install the package redis-server, "
      "or "
      "name a Redis with --backend host:port:db");
}

// systemd's RuntimeDirectory=, else a fresh folder only we can enter.
std::string MakeFolder(bool* ours) {
  const char* runtime = std::getenv("RUNTIME_DIRECTORY");
  if (runtime != nullptr && *runtime != '\0') {
    *ours = false;
    return std::string(runtime).substr(0, std::strcspn(runtime, ":"));
  }
  *ours = true;
  for (const char* name : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    const char* base = std::getenv(name);
    if (base == nullptr || *base == '\0') continue;
    std::string pattern = std::string(base) + "/mcrelay-XXXXXX";
    if (mkdtemp(pattern.data()) != nullptr) return pattern;
  }
  std::string pattern = "/tmp/mcrelay-XXXXXX";
  if (mkdtemp(pattern.data()) != nullptr) return pattern;
  throw std::runtime_error(std::string("cannot make a folder for the embedded store in /tmp: ") +
                           std::strerror(errno));
}

bool Connects(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

std::string LastLine(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::string last = "no message";
  while (std::getline(in, line)) {
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace

Embedded::Embedded(net::Loop& loop, uint64_t memory_bytes, bool evictions)
    : loop_(loop),
      memory_bytes_(memory_bytes),
      evictions_(evictions),
      program_(FindProgram()),
      folder_(MakeFolder(&ours_)),
      restart_(loop, [this] { StartChild(); }) {
  StartChild();
  WaitUntilItAnswers();
}

Embedded::~Embedded() {
  child_.reset();
  std::error_code ignored;
  if (ours_) {
    std::filesystem::remove_all(folder_, ignored);
  } else {
    std::filesystem::remove(folder_ + "/redis.sock", ignored);
    std::filesystem::remove(folder_ + "/redis.log", ignored);
  }
}

config::Backend Embedded::backend() const {
  config::Backend backend;
  backend.unix_path = folder_ + "/redis.sock";
  backend.location = "unix:" + backend.unix_path + ":0";
  backend.name = backend.ring_name = "embedded";
  return backend;
}

void Embedded::StartChild() {
  const std::vector<std::string> arguments = {
      program_,
      "--port",
      "0",
      "--unixsocket",
      folder_ + "/redis.sock",
      "--unixsocketperm",
      "700",
      "--save",
      "",
      "--appendonly",
      "no",
      "--maxmemory",
      std::to_string(memory_bytes_),
      "--maxmemory-policy",
      evictions_ ? "allkeys-lru" : "noeviction",
      "--maxclients",
      "1000",
      "--dir",
      folder_,
      "--logfile",
      folder_ + "/redis.log",
      "--daemonize",
      "no",
  };
  try {
    child_ = std::make_unique<net::Child>(loop_, arguments, [this](const std::string& how) {
      log::Error(log::Event::kEmbedded,
                 "the embedded redis-server ended ({}): {}; starting it again, its items are lost",
                 how, LastLine(folder_ + "/redis.log"));
      restart_.Once(kRestartMs);
    });
    log::Info(log::Event::kEmbedded, "embedded redis-server started, pid {}, socket {}/redis.sock",
              child_->pid(), folder_);
  } catch (const std::runtime_error& error) {
    log::Error(log::Event::kEmbedded, "{}", error.what());
    restart_.Once(kRestartMs);
  }
}

void Embedded::WaitUntilItAnswers() {
  const auto until = std::chrono::steady_clock::now() + kStartTime;
  while (std::chrono::steady_clock::now() < until) {
    if (Connects(folder_ + "/redis.sock")) return;
    if (child_ == nullptr || !child_->running()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const std::string why = LastLine(folder_ + "/redis.log");
  child_.reset();
  std::error_code ignored;
  if (ours_) std::filesystem::remove_all(folder_, ignored);
  throw std::runtime_error("the embedded redis-server did not start: " + why);
}

}  // namespace mcrelay::embedded
