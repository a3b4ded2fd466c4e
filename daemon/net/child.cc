#include "daemon/net/child.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "daemon/net/loop.h"

namespace mcrelay::net {

int ExecTied(int argc, char** argv) {
  constexpr int kCannotRun = 127;  // as the shell says it
  if (argc < 4) return kCannotRun;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (std::to_string(getppid()) != argv[2]) return kCannotRun;  // it ended before we were tied
  execvp(argv[3], argv + 3);
  std::fprintf(stderr, "cannot run %s: %s\n", argv[3], std::strerror(errno));
  return kCannotRun;
}

// Outlives the Child until libuv has closed the handle.
struct Child::State {
  uv_process_t handle;
  std::function<void(const std::string&)> exited;  // empty once forgotten
  bool reaped = false;                             // its pid may be somebody else's by now
};

Child::Child(Loop& loop, const std::vector<std::string>& arguments,
             std::function<void(const std::string&)> exited)
    : state_(new State{{}, std::move(exited)}) {
  std::vector<std::string> words = {"/proc/self/exe", kTiedChild, std::to_string(getpid())};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  uv_process_options_t options{};
  options.file = argv[0];
  options.args = argv.data();
  options.flags = UV_PROCESS_DETACHED;  // Ctrl-C at our terminal is for us alone: we drain first
  options.exit_cb = [](uv_process_t* process, int64_t status, int signal) {
    auto* state = static_cast<State*>(process->data);
    state->reaped = true;
    if (!state->exited) return;
    const auto callback = state->exited;  // may destroy the Child
    callback(signal != 0 ? "signal " + std::to_string(signal)
                         : "exit status " + std::to_string(status));
  };
  state_->handle.data = state_;
  const int status = uv_spawn(loop.uv(), &state_->handle, &options);
  if (status != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
             [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
    throw std::runtime_error("cannot start " + arguments[0] + ": " + uv_strerror(status));
  }
}

Child::~Child() {
  state_->exited = nullptr;
  // It keeps nothing worth a tidy end, and its folder can only be removed when it is gone.
  if (running() && uv_process_kill(&state_->handle, SIGKILL) == 0) {
    waitpid(state_->handle.pid, nullptr, 0);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

bool Child::running() {
  // Asked before the loop runs, which would otherwise collect it.
  if (!state_->reaped) state_->reaped = waitpid(state_->handle.pid, nullptr, WNOHANG) != 0;
  return !state_->reaped;
}

void Child::Kill() {
  if (!state_->reaped) uv_process_kill(&state_->handle, SIGKILL);
}

int Child::pid() const { return state_->handle.pid; }

}  // namespace mcrelay::net
