// TaskQueue runs the HTTP library's connections on a few threads, and lets it wait when more come:
// the kernel's backlog holds them, so that a flood costs neither memory nor descriptors.
//
// Owned by the library's server, which calls everything from the thread that accepts.
#pragma once

#include <httplib.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mcrelay::admin {

class TaskQueue final : public httplib::TaskQueue {
 public:
  TaskQueue(size_t threads, size_t most_waiting);
  ~TaskQueue() override { TaskQueue::shutdown(); }

  void enqueue(
      std::function<void()> task) override;  // NOLINT(readability-identifier-naming): theirs
  void shutdown() override;                  // NOLINT(readability-identifier-naming): theirs

 private:
  void Run();

  const size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mcrelay::admin
