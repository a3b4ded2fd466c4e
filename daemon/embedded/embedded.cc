#include "daemon/embedded/embedded.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "daemon/log/log.h"

namespace mcrelay::embedded {
namespace {

constexpr uint64_t kRestartMs = 200;
// Long enough for any command that the workers send, on any machine.
constexpr int kMostSecondsDown = 10;
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
      restart_(loop, [this] { StartChild(); }),
      watch_(loop, [this] { LookAfterIt(); }) {
  StartChild();
  WaitUntilItAnswers();
}

Embedded::~Embedded() = default;

config::Backend Embedded::backend() const {
  config::Backend backend;
  backend.unix_path = folder_.socket();
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
      folder_.socket(),
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
      folder_.path(),
      "--logfile",
      folder_.log(),
      "--daemonize",
      "no",
  };
  try {
    child_ = std::make_unique<net::Child>(loop_, arguments, [this](const std::string& how) {
      log::Error(log::Event::kEmbedded,
                 "the embedded redis-server ended ({}): {}; starting it again, its items are lost",
                 how, LastLine(folder_.log()));
      restart_.Once(kRestartMs);
    });
    log::Info(log::Event::kEmbedded, "embedded redis-server started, pid {}, socket {}",
              child_->pid(), folder_.socket());
  } catch (const std::runtime_error& error) {
    log::Error(log::Event::kEmbedded, "{}", error.what());
    restart_.Once(kRestartMs);
  }
}

void Embedded::Watch(std::function<bool()> down) {
  down_ = std::move(down);
  watch_.Every(1000);
}

void Embedded::LookAfterIt() {
  const bool hangs = down_() && child_ != nullptr && child_->pid() == watched_;
  seconds_down_ = hangs ? seconds_down_ + 1 : 0;
  watched_ = child_ == nullptr ? 0 : child_->pid();
  if (seconds_down_ < kMostSecondsDown) return;
  seconds_down_ = 0;
  log::Error(log::Event::kEmbedded,
             "the embedded redis-server has not answered for {} s: ending it", kMostSecondsDown);
  child_->Kill();
}

void Embedded::WaitUntilItAnswers() {
  const auto until = std::chrono::steady_clock::now() + kStartTime;
  while (std::chrono::steady_clock::now() < until) {
    if (Connects(folder_.socket())) return;
    if (child_ == nullptr || !child_->running()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const std::string why = LastLine(folder_.log());
  throw std::runtime_error("the embedded redis-server did not start: " + why);
}

}  // namespace mcrelay::embedded
