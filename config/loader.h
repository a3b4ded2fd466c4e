// Load turns the command line, the environment and the named file into one Config, or into one
// error line.
//
// Precedence: flag > environment > file > default. The origin of every value is kept for
// --print-config. Reads the file named by --config or MCRELAY_CONFIG, and the password file;
// nothing else. Threading: main thread only (getopt has process-wide state). No exception leaves
// this header's functions. Reload is the same call with the same arguments: keep them, because
// WipeSecrets() changes argv.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.h"

namespace mcrelay::config {

enum class Action : uint8_t { kRun, kHelp, kVersion, kLicense, kCheck, kPrint, kHealth };

// kUsage: the command line is wrong (exit status 2). kConfiguration: the file or the environment is
// (78).
enum class ErrorKind : uint8_t { kNone, kUsage, kConfiguration };

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

using Environment = std::map<std::string, std::string>;

// `arguments` is argv with the program's name first.
[[nodiscard]] LoadResult Load(const std::vector<std::string>& arguments,
                              const Environment& environment);
[[nodiscard]] LoadResult Load(int argc, char* const* argv, const Environment& environment);

// From main's `environ`. Later duplicates are ignored, as getenv() does.
[[nodiscard]] Environment ReadEnvironment(const char* const* environ_block);

// Overwrites the password of every redis://user:password@ argument with '*', in place, so that
// neither ps nor /proc/PID/cmdline shows it. Call it right after Load(), on main's own argv.
void WipeSecrets(int argc, char** argv);

// One key whose value differs between two configurations.
struct Change {
  std::string key;   // dotted name, as in the file
  std::string from;  // as YAML, secrets masked
  std::string to;
  bool live = true;  // can change at run time; else it needs a restart
};
[[nodiscard]] std::vector<Change> Diff(const Config& old, const Config& now);

}  // namespace mcrelay::config
