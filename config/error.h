// How the configuration layer reports a mistake: thrown as Failure inside config/, handed out by
// Load() as a status and one line. Messages have the form `place: found what, expected what`.
#pragma once

#include <cstdint>
#include <string>

namespace mcrelay::config {

// kUsage: the command line is wrong (exit status 2). kConfiguration: the file or the environment is
// (78).
enum class ErrorKind : uint8_t { kNone, kUsage, kConfiguration };

// Thrown and caught inside config/ only.
struct Failure {
  ErrorKind kind = ErrorKind::kConfiguration;
  std::string message;  // one line, no secret in it
};

}  // namespace mcrelay::config
