#include "tests/support/redis_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "protocol/buffer.h"
#include "protocol/redis/encoder.h"

namespace mcrelay::testing {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);

int TryConnect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

[[noreturn]] void RunServer(std::vector<std::string> words) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nowhere = open("/dev/null", O_RDWR);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

RedisServer::RedisServer(std::initializer_list<std::string> options) {
  std::string pattern = (std::filesystem::temp_directory_path() / "mcrelay-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder");
  folder_ = pattern;
  socket_path_ = folder_ + "/redis.sock";
  std::vector<std::string> words = {"redis-server", "--port", "0",    "--unixsocket",
                                    socket_path_,   "--save", "",     "--appendonly",
                                    "no",           "--dir",  folder_};
  words.insert(words.end(), options);
  pid_ = fork();
  if (pid_ == 0) RunServer(std::move(words));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const int fd = TryConnect(socket_path_);
    if (fd >= 0) {
      close(fd);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  throw std::runtime_error("redis-server does not answer; is it installed?");
}

RedisServer::~RedisServer() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

OwnedReply OwnedReply::Copy(const redis::Reply& reply) {
  OwnedReply copy{reply.type, std::string(reply.text), reply.integer, {}};
  for (const auto& element : reply.elements) copy.elements.push_back(Copy(element));
  return copy;
}

RedisClient::RedisClient(const std::string& socket_path)
    : socket_(TryConnect(socket_path)), decoder_(this, 64 << 20) {
  if (socket_ < 0) throw std::runtime_error("cannot connect to redis-server");
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

RedisClient::~RedisClient() { close(socket_); }

void RedisClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("redis-server does not take the request");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

OwnedReply RedisClient::NextReply() {
  std::vector<char> chunk(64 << 10);
  while (replies_.empty()) {
    const ssize_t got = recv(socket_, chunk.data(), chunk.size(), 0);
    if (got <= 0) throw std::runtime_error("redis-server does not reply");
    if (!decoder_.Feed({chunk.data(), static_cast<size_t>(got)})) {
      throw std::runtime_error("redis-server's reply makes no sense");
    }
  }
  OwnedReply reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

OwnedReply RedisClient::Do(std::initializer_list<std::string_view> words) {
  Buffer request;
  redis::Encoder(&request).Request(words);
  Send(request.view());
  return NextReply();
}

bool RedisClient::StreamArray(size_t) { return false; }

void RedisClient::OnElement(const redis::Reply&, size_t) {}  // nothing is streamed

void RedisClient::OnReply(const redis::Reply& reply) {
  replies_.push_back(OwnedReply::Copy(reply));
}

}  // namespace mcrelay::testing
