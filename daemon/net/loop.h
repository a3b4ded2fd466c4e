// Loop is one libuv event loop with what the rest of the daemon needs of it: a hook at the end of
// every turn, messages from other threads, timers.
//
// A turn: timers -> poll (every readable stream is read once) -> TurnHook::OnTurnEnd(), where all
// that the turn produced is written, one write a stream -> closed handles. Threading: everything
// but Post() belongs to the thread that calls Run(). Lifetime: outlives every stream and timer made
// on it; ~Loop() closes what is left and drains.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace mcrelay::net {

class TurnHook {
 public:
  // All of this turn's I/O was taken in: what is overdue now is overdue, however late the turn
  // came.
  virtual void OnPolled() = 0;
  // Right after OnPolled(), and before the loop sleeps, when timers may have produced something.
  virtual void OnTurnEnd() = 0;

 protected:
  ~TurnHook() = default;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // May be null. Borrowed.
  void SetTurnHook(TurnHook* hook) { hook_ = hook; }

  // Runs until Stop().
  void Run();
  void Stop() { uv_stop(&loop_); }
  // One turn without sleeping, after Run(): lets closed handles go.
  void RunOnce() { uv_run(&loop_, UV_RUN_NOWAIT); }
  // Runs `task` on the loop's thread, in order. Any thread may call it.
  void Post(std::function<void()> task);

  // Milliseconds of a monotonic clock, as of the start of this turn.
  [[nodiscard]] uint64_t now_ms() const { return uv_now(&loop_); }
  // Microseconds of the same clock, as of the first call in this turn: one look at the clock serves
  // all that a turn does.
  [[nodiscard]] uint64_t now_us() {
    if (turn_us_ == 0) turn_us_ = uv_hrtime() / 1000;
    return turn_us_;
  }
  [[nodiscard]] uv_loop_t* uv() { return &loop_; }

 private:
  void RunPosted();

  uv_loop_t loop_;
  uv_check_t check_;
  uv_prepare_t prepare_;
  uv_async_t async_;
  TurnHook* hook_ = nullptr;
  uint64_t turn_us_ = 0;  // 0: not looked at in this turn
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
};

// Timer calls back once or repeatedly. May be destroyed at any time, also from its own callback.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Once(uint64_t delay_ms) { uv_timer_start(&state_->handle, Fire, delay_ms, 0); }
  void Every(uint64_t period_ms) { uv_timer_start(&state_->handle, Fire, period_ms, period_ms); }
  // Every(), with the first time in the next turn.
  void EveryFromNow(uint64_t period_ms) { uv_timer_start(&state_->handle, Fire, 0, period_ms); }
  void Stop() { uv_timer_stop(&state_->handle); }
  [[nodiscard]] bool active() const {
    return uv_is_active(reinterpret_cast<const uv_handle_t*>(&state_->handle)) != 0;
  }

 private:
  // Outlives the Timer until libuv has closed the handle.
  struct State {
    uv_timer_t handle;
    std::function<void()> callback;
  };
  static void Fire(uv_timer_t* handle);

  State* state_;
};

// Calls back on a signal. Threading and lifetime as Timer.
class Signal {
 public:
  Signal(Loop& loop, int number, std::function<void()> callback);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

 private:
  struct State {
    uv_signal_t handle;
    std::function<void()> callback;
  };
  State* state_;
};

}  // namespace mcrelay::net
