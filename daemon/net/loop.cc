#include "daemon/net/loop.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <string>
#include <utility>

#include "daemon/net/stream.h"

namespace mcrelay::net {
namespace {

void Require(int status, const char* what) {
  if (status != 0) throw std::runtime_error(std::string(what) + ": " + uv_strerror(status));
}

uv_handle_t* AsHandle(void* handle) { return static_cast<uv_handle_t*>(handle); }

constexpr uint32_t kRead = EPOLLIN | EPOLLRDHUP | EPOLLET;
// Polls of one turn, as long as each brings as many events as fit.
constexpr int kMostPolls = 48;

}  // namespace

Loop::Loop() {
  Require(uv_loop_init(&loop_), "uv_loop_init");
  Require(uv_async_init(&loop_, &async_,
                        [](uv_async_t* async) { static_cast<Loop*>(async->data)->RunPosted(); }),
          "uv_async_init");
  async_.data = this;
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, uv_backend_fd(&loop_), &event) != 0) {
    Require(-errno, "epoll");
  }
}

Loop::~Loop() {
  hook_ = nullptr;
  ReleaseClosed();
  uv_close(AsHandle(&async_), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  [[maybe_unused]] const int status = uv_loop_close(&loop_);
  assert(status == 0 && "a handle outlived its loop");
  close(epoll_);
}

void Loop::Run() {
  while (!stopped_) Turn(true);
  stopped_ = false;
}

void Loop::RunOnce() {
  libuv_due_ = true;
  Turn(false);
}

void Loop::Turn(bool may_sleep) {
  turn_us_ = 0;
  if (libuv_due_) RunLibuv();
  const bool busy = !may_sleep || stopped_ || libuv_due_ || !again_.empty() || !closed_.empty();
  size_t events = Poll(busy ? 0 : uv_backend_timeout(&loop_));
  uv_update_time(&loop_);
  turn_us_ = 0;
  libuv_due_ = libuv_due_ || uv_backend_timeout(&loop_) == 0;

  reading_again_.swap(again_);
  for (Stream* stream : reading_again_) stream->OnReadAgain();
  reading_again_.clear();
  for (int polls = 1;; ++polls) {
    for (size_t i = 0; i < events; ++i) {
      auto* stream = static_cast<Stream*>(events_[i].data.ptr);
      if (stream == nullptr) {
        libuv_due_ = libuv_ready_ = true;
      } else {
        stream->OnEvents(events_[i].events);
      }
    }
    if (events < events_.size() || polls == kMostPolls) break;
    events = Poll(0);
  }
  if (hook_ != nullptr) {
    hook_->OnPolled();
    hook_->OnTurnEnd();
  }
  ReleaseClosed();
}

// What libuv's callbacks start to watch it watches only when it is entered once more.
void Loop::RunLibuv() {
  libuv_due_ = std::exchange(libuv_ready_, false);
  uv_run(&loop_, UV_RUN_NOWAIT);
  if (hook_ != nullptr) hook_->OnTurnEnd();
}

size_t Loop::Poll(int timeout_ms) {
  const int ready =
      epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  return ready < 0 ? 0 : static_cast<size_t>(ready);  // interrupted
}

bool Loop::Watch(int fd, Stream* stream) {
  epoll_event event{.events = kRead, .data = {.ptr = stream}};
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Loop::WatchWriting(int fd, Stream* stream, bool on) {
  epoll_event event{.events = kRead | (on ? EPOLLOUT : 0U), .data = {.ptr = stream}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void Loop::Release(int fd, Stream* stream) {
  // Before the descriptor is closed: a child that is just being started has a copy of it.
  if (fd >= 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  std::erase(again_, stream);
  closed_.push_back(stream);
}

void Loop::ReleaseClosed() {
  while (!closed_.empty()) {
    Stream* const stream = closed_.back();
    closed_.pop_back();
    stream->OnReleased();
  }
}

void Loop::Post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  uv_async_send(&async_);
}

void Loop::RunPosted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
}

Timer::Timer(Loop& loop, std::function<void()> callback)
    : state_(new State{{}, std::move(callback)}) {
  uv_timer_init(loop.uv(), &state_->handle);
  state_->handle.data = state_;
}

Timer::~Timer() {
  uv_close(AsHandle(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

void Timer::Fire(uv_timer_t* handle) { static_cast<State*>(handle->data)->callback(); }

Signal::Signal(Loop& loop, int number, std::function<void()> callback)
    : state_(new State{{}, std::move(callback)}) {
  uv_signal_init(loop.uv(), &state_->handle);
  state_->handle.data = state_;
  uv_signal_start(
      &state_->handle,
      [](uv_signal_t* handle, int) { static_cast<State*>(handle->data)->callback(); }, number);
}

Signal::~Signal() {
  uv_close(AsHandle(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

}  // namespace mcrelay::net
