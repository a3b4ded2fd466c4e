#include "daemon/net/loop.h"

#include <cassert>
#include <stdexcept>
#include <string>
#include <utility>

namespace mcrelay::net {
namespace {

void Require(int status, const char* what) {
  if (status != 0) throw std::runtime_error(std::string(what) + ": " + uv_strerror(status));
}

uv_handle_t* AsHandle(void* handle) { return static_cast<uv_handle_t*>(handle); }

}  // namespace

Loop::Loop() {
  Require(uv_loop_init(&loop_), "uv_loop_init");
  Require(uv_check_init(&loop_, &check_), "uv_check_init");
  Require(uv_prepare_init(&loop_, &prepare_), "uv_prepare_init");
  Require(uv_async_init(&loop_, &async_,
                        [](uv_async_t* async) { static_cast<Loop*>(async->data)->RunPosted(); }),
          "uv_async_init");
  async_.data = check_.data = prepare_.data = this;
  uv_check_start(&check_, [](uv_check_t* check) {
    auto* self = static_cast<Loop*>(check->data);
    if (self->hook_ == nullptr) return;
    self->hook_->OnPolled();
    self->hook_->OnTurnEnd();
    self->turn_us_ = 0;
  });
  uv_prepare_start(&prepare_, [](uv_prepare_t* prepare) {
    auto* self = static_cast<Loop*>(prepare->data);
    if (self->hook_ != nullptr) self->hook_->OnTurnEnd();
    self->turn_us_ = 0;
  });
  // Neither keeps a loop alive that has nothing else to do.
  uv_unref(AsHandle(&check_));
  uv_unref(AsHandle(&prepare_));
}

Loop::~Loop() {
  hook_ = nullptr;
  for (void* handle :
       {static_cast<void*>(&check_), static_cast<void*>(&prepare_), static_cast<void*>(&async_)}) {
    uv_close(AsHandle(handle), nullptr);
  }
  uv_run(&loop_, UV_RUN_DEFAULT);
  [[maybe_unused]] const int status = uv_loop_close(&loop_);
  assert(status == 0 && "a handle outlived its loop");
}

void Loop::Run() { uv_run(&loop_, UV_RUN_DEFAULT); }

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
