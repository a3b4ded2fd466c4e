// Loop is one libuv event loop with what the rest of the daemon needs of it: a hook at the end of
// every turn, messages from other threads, timers; and an epoll set of its own for the streams.
//
//   epoll set: | stream | stream | ... | libuv's own epoll set: messages, signals, listeners |
//
// libuv tells of a socket as long as it has something to read (level-triggered), for which the
// kernel looks at each socket once more after it was read; and its handles are half of an idle
// session. The streams are edge-triggered, and a turn without news for libuv does not enter it.
//
// A turn: libuv, when it is due (timers ...) -> poll (every readable stream is read once) ->
// TurnHook::OnTurnEnd(), where all that the turn produced is written, one write a stream -> closed
// streams. Threading: everything but Post() belongs to the thread that calls Run(). Lifetime:
// outlives every stream and timer made on it; ~Loop() closes what is left and drains.
#pragma once

#include <sys/epoll.h>
#include <uv.h>

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace mcrelay::net {

class Stream;

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
  void Stop() { stopped_ = true; }
  // One turn without sleeping, after Run(): lets closed streams and handles go.
  void RunOnce();
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
  friend class Stream;

  // Of the streams. False: out of memory or of watches.
  [[nodiscard]] bool Watch(int fd, Stream* stream);
  // From now on also for room to write, or not any more.
  void WatchWriting(int fd, Stream* stream, bool on);
  // Has it read in the next turn, whatever the poll says.
  void ReadAgain(Stream* stream) { again_.push_back(stream); }
  // Its OnClosed() comes at the end of this turn.
  void Release(int fd, Stream* stream);

  void Turn(bool may_sleep);
  void RunLibuv();
  [[nodiscard]] size_t Poll(int timeout_ms);
  void ReleaseClosed();
  void RunPosted();

  uv_loop_t loop_;
  uv_async_t async_;
  TurnHook* hook_ = nullptr;
  int epoll_ = -1;
  bool stopped_ = false;
  bool libuv_ready_ = false;  // something of libuv's was ready in the last poll
  bool libuv_due_ = true;
  std::array<epoll_event, 256> events_;
  std::vector<Stream*> again_;
  std::vector<Stream*> reading_again_;  // scratch of Turn()
  std::vector<Stream*> closed_;
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
