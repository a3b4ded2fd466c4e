// Load turns the command line, the environment and the named file into one Config, or into one
// error line. Precedence: flag > environment > file > default; --print-config shows where each
// value is from.
//
// Reads the file named by --config or MCRELAY_CONFIG, and the password file; for --health what the
// daemon has written into its runtime folder. Nothing else.
//
// Threading: main thread only (getopt has process-wide state).
//
// Failure: a status and a message. No exception leaves this header's functions.
//
// A reload is the same call with the same arguments: keep them, because WipeSecrets() changes argv.
// Diff() in config/print.h says what it changes, and what of that needs a restart.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/environment.h"
#include "config/error.h"
#include "config/options.h"
#include "config/print.h"

namespace mcrelay::config {

struct LoadResult {
  Action action = Action::kRun;
  Config config;     // complete for kRun, kCheck, kPrint; for kHealth only `health` matters
  Address health;    // kHealth: where to send `version`; never a wildcard address
  std::string text;  // kHelp, kLicense, kCheck, kPrint: print it on stdout and exit 0

  ErrorKind error = ErrorKind::kNone;
  std::string message;  // one line without newline, no secret in it

  [[nodiscard]] bool ok() const { return error == ErrorKind::kNone; }
  // Exit status for `error`: 0, 2 or 78 (EX_CONFIG).
  [[nodiscard]] int exit_status() const;
};

// `arguments` is argv with the program's name first. `folder`: what Compose() says of it.
[[nodiscard]] LoadResult Load(const std::vector<std::string>& arguments,
                              const Environment& environment, const std::string& folder = "");
[[nodiscard]] LoadResult Load(int argc, char* const* argv, const Environment& environment);

// From main's `environ`. Later duplicates are ignored, as getenv() does.
[[nodiscard]] Environment ReadEnvironment(const char* const* environ_block);

// Overwrites the password of every redis://user:password@ argument with '*', in place, so that
// neither ps nor /proc/PID/cmdline shows it. Call it right after Load(), on main's own argv.
void WipeSecrets(int argc, char** argv);

}  // namespace mcrelay::config
