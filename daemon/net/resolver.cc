#include "daemon/net/resolver.h"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/net/loop.h"

namespace mcrelay::net {

struct Lookup::State {
  Loop* loop;
  uint16_t port;
  size_t attempt;
  Callback callback;  // the loop's thread only; empty once forgotten
};

namespace {

struct Answer {
  int error = 0;
  std::vector<sockaddr_storage> addresses;
};

int TranslateError(int status) {
  switch (status) {
    case 0:
      return 0;
    case EAI_AGAIN:
      return UV_EAI_AGAIN;
    case EAI_NONAME:
      return UV_EAI_NONAME;
    case EAI_NODATA:
      return UV_EAI_NODATA;
    case EAI_MEMORY:
      return UV_EAI_MEMORY;
    case EAI_SYSTEM:
      return uv_translate_sys_error(errno);
    default:
      return UV_EAI_FAIL;
  }
}

Answer Resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  Answer answer;
  answer.error = TranslateError(getaddrinfo(host.c_str(), nullptr, &hints, &found));
  if (answer.error != 0) return answer;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    sockaddr_storage address{};
    std::memcpy(&address, one->ai_addr, std::min<size_t>(one->ai_addrlen, sizeof address));
    answer.addresses.push_back(address);
  }
  freeaddrinfo(found);
  return answer;
}

// `number` counts on, so that a caller who tries again gets the next one.
sockaddr_storage Choose(const Answer& answer, size_t number, uint16_t port) {
  sockaddr_storage address = answer.addresses[number % answer.addresses.size()];
  if (address.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in&>(address).sin_port = htons(port);
  }
  return address;
}

// Which names are being asked for, and who waits. A name is asked for once at a time, however many
// want it, so the number of threads is bounded by the number of names.
template <typename State>
class Questions {
 public:
  // Never destroyed: a thread may still wait for a name server when the process ends.
  static Questions& Get() {
    static auto* const questions = new Questions;
    return *questions;
  }

  // A libuv error code, or 0 when the answer will come.
  int Ask(const std::string& host, std::shared_ptr<State> waiter) {
    const std::lock_guard lock(mutex_);
    const auto [asked, is_new] = waiters_.try_emplace(host);
    asked->second.push_back(std::move(waiter));
    if (!is_new) return 0;
    try {
      std::thread([this, host] { Tell(host, Resolve(host)); }).detach();
    } catch (const std::system_error&) {
      waiters_.erase(asked);
      return UV_EAGAIN;
    }
    return 0;
  }

  // Nothing is posted to its loop after this.
  void Forget(const std::shared_ptr<State>& waiter) {
    const std::lock_guard lock(mutex_);
    for (auto& [host, waiters] : waiters_) std::erase(waiters, waiter);
  }

 private:
  void Tell(const std::string& host, const Answer& answer) {
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<State>& waiter : waiters_[host]) {
      sockaddr_storage address{};
      if (answer.error == 0) address = Choose(answer, waiter->attempt, waiter->port);
      waiter->loop->Post([waiter, error = answer.error, address] {
        const auto callback = std::exchange(waiter->callback, nullptr);
        if (callback) callback(error, reinterpret_cast<const sockaddr*>(&address));
      });
    }
    waiters_.erase(host);
  }

  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<std::shared_ptr<State>>> waiters_;
};

}  // namespace

Lookup::Lookup(Loop& loop, const std::string& host, uint16_t port, size_t attempt,
               Callback callback)
    : state_(new State{&loop, port, attempt, std::move(callback)}) {
  const int error = Questions<State>::Get().Ask(host, state_);
  if (error != 0) state_->callback(error, nullptr);
}

Lookup::~Lookup() {
  Questions<State>::Get().Forget(state_);
  state_->callback = nullptr;
}

bool Lookup::pending() const { return state_->callback != nullptr; }

bool ParseIp(const std::string& host, uint16_t port, sockaddr_storage* address) {
  return uv_ip4_addr(host.c_str(), port, reinterpret_cast<sockaddr_in*>(address)) == 0 ||
         uv_ip6_addr(host.c_str(), port, reinterpret_cast<sockaddr_in6*>(address)) == 0;
}

}  // namespace mcrelay::net
