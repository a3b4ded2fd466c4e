// Child is a process of ours that must not outlive us, not even after kill -9.
//
// Owned by the embedded store; used on the main thread's loop. The kernel ends the child with the
// thread that started it (PR_SET_PDEATHSIG), hence: main thread only. Only the child can ask for
// that, so our own program is started, asks, and becomes the wanted one. setpriv(1) would do the
// same, but wants system calls that a locked-down service has not got.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace mcrelay::net {

class Loop;

// First argument of our program when it is to become a child; then our process number and the
// child's command line.
inline constexpr char kTiedChild[] = "--tied-child";
// What main() does then. Returns only when that failed, with an exit status.
int ExecTied(int argc, char** argv);

class Child {
 public:
  // Starts `arguments` (program first). `exited` gets a text for the log. Throws
  // std::runtime_error when it cannot be started.
  Child(Loop& loop, const std::vector<std::string>& arguments,
        std::function<void(const std::string& how)> exited);
  // Kills it, waits until it is gone, and forgets it.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] int pid() const;
  // Ends it by force; `exited` follows.
  void Kill();
  // False once it has ended. For a start-up that waits without running the loop: `exited` is not
  // called then.
  [[nodiscard]] bool running();

 private:
  struct State;
  State* state_;
};

}  // namespace mcrelay::net
