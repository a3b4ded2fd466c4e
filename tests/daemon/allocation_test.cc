// Nothing is allocated per command once a worker is warm: a whole worker, with real sockets to its
// clients and a real Redis behind it, serves rounds of commands while every allocation of the
// process is counted. (The test itself only sends and receives then.)

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "config/loader.h"
#include "daemon/worker/worker.h"
#include "tests/support/redis_server.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<size_t> allocations{0};

void Note() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1);
}

}  // namespace

// Not only operator new: hiredis and libuv call malloc.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Of <sanitizer/allocator_interface.h>, which does not come with every compiler.
extern "C" int __sanitizer_install_malloc_and_free_hooks(  // NOLINT
    void (*allocated)(const volatile void*, size_t), void (*freed)(const volatile void*));
namespace {
[[maybe_unused]] const int hooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, size_t) { Note(); }, [](const volatile void*) {});
}
#else
extern "C" {
// NOLINTBEGIN: glibc's names
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);

void* malloc(size_t bytes) {
  Note();
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  Note();
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  Note();
  return __libc_realloc(memory, bytes);
}
// NOLINTEND
}
#endif

namespace mcrelay::worker {
namespace {

constexpr size_t kClients = 8;
constexpr int kRounds = 100;
// How many commands wait at once, and so how much memory is ever needed, is the scheduler's choice:
// a worker is warm when it has seen the most of it. A command that allocates never lets it be.
constexpr int kMostWarmUps = 50;

// Each is beyond what a std::string holds in itself.
std::string KeyOf(size_t number) { return "a-key-that-takes-memory:" + std::to_string(number); }

class Daemon {
 public:
  Daemon() {
    const auto loaded =
        config::Load({"mcrelay", "-t", "1", "--backend", "unix:" + redis_.socket_path()}, {});
    REQUIRE_MESSAGE(loaded.ok(), loaded.message);
    shared_.stats.push_back(std::make_unique<WorkerStats>());
    worker_ = std::make_unique<Worker>(shared_, 0, 1, MakeSnapshot(loaded.config, nullptr));
    worker_->Start();
    for (int& client : clients_) {
      std::array<int, 2> ends{};
      REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
      client = ends[0];
      timeval patience{.tv_sec = 10, .tv_usec = 0};
      setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      worker_->Adopt(ends[1], net::Stream::Kind::kUnix, of_listener_);
    }
  }
  ~Daemon() {
    for (const int client : clients_) close(client);
    worker_->Stop();
    worker_->Join();
  }

  // Every client sends `request`, then each gets `answer`. False: something else.
  [[nodiscard]] bool Ask(const std::string& request, const std::string& answer) {
    for (const int client : clients_) {
      if (send(client, request.data(), request.size(), MSG_NOSIGNAL) != ssize_t(request.size())) {
        return false;
      }
    }
    bool right = true;
    for (const int client : clients_) {
      for (size_t at = 0; at < answer.size();) {
        const ssize_t bytes = recv(client, got_.data(), answer.size() - at, 0);
        if (bytes <= 0) return false;
        right = right && answer.compare(at, size_t(bytes), got_.data(), size_t(bytes)) == 0;
        at += size_t(bytes);
      }
    }
    return right;
  }

 private:
  testing::RedisServer redis_;
  Shared shared_;
  std::unique_ptr<Worker> worker_;
  std::atomic<uint64_t> of_listener_{0};
  std::array<int, kClients> clients_{};
  std::array<char, 64 * 1024> got_{};
};

struct Case {
  std::string name;
  std::string request;
  std::string answer;
};

std::string Times(size_t count, const std::string& text) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

std::vector<Case> Cases() {
  const std::string value(300, 'v');
  const std::string set = "set " + KeyOf(1) + " 7 0 300\r\n" + value + "\r\n";
  const std::string get = "get " + KeyOf(1) + "\r\n";
  const std::string item = " 7 300\r\n" + value + "\r\n";
  const std::string hit = "VALUE " + KeyOf(1) + item + "END\r\n";
  const std::string miss = "get nothing-is-kept-under-this-key\r\n";
  std::string store_all;
  std::string get_all = "get";
  std::string all;
  for (size_t i = 0; i < 50; ++i) {
    store_all += "set " + KeyOf(i) + " 7 0 300\r\n" + value + "\r\n";
    get_all += " " + KeyOf(i);
    all += "VALUE " + KeyOf(i) + item;
  }
  return {
      {"sets, pipelined", store_all, Times(50, "STORED\r\n")},
      {"set", set, "STORED\r\n"},
      {"get, a hit", get, hit},
      {"get, a miss", miss, "END\r\n"},
      {"gets and sets, pipelined", Times(16, get + miss + set),
       Times(16, hit + "END\r\n" + "STORED\r\n")},
      {"get of 50 keys", get_all + "\r\n", all + "END\r\n"},
      {"get of 50 keys, pipelined", Times(3, get_all + "\r\n"), Times(3, all + "END\r\n")},
      {"delete, and get of what is gone", "delete " + KeyOf(60) + "\r\nget " + KeyOf(60) + "\r\n",
       "NOT_FOUND\r\nEND\r\n"},
      {"mg", "mg " + KeyOf(1) + " f k v\r\n", "VA 300 f7 k" + KeyOf(1) + "\r\n" + value + "\r\n"},
      {"incr", "incr " + KeyOf(1) + " 1\r\n",
       "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
  };
}

}  // namespace

TEST_CASE("worker: a warm one allocates nothing, whatever its clients ask in whatever way") {
  Daemon daemon;
  for (const Case& one : Cases()) {
    CAPTURE(one.name);
    for (int warm_up = 0; warm_up < kMostWarmUps; ++warm_up) {
      allocations = 0;
      bool right = true;
      counting = true;
      for (int round = 0; round < kRounds; ++round) {
        right = daemon.Ask(one.request, one.answer) && right;
      }
      counting = false;
      REQUIRE(right);
      if (allocations.load() == 0) break;
    }
    CHECK(allocations.load() == 0);
  }
}

}  // namespace mcrelay::worker
