// Reads the command line: memcached 1.6's flags with memcached's meaning, and mcrelay's own.
//
// Threading: main thread only (getopt_long has process-wide state). Throws Failure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/listen_flags.h"
#include "config/settings.h"

namespace mcrelay::config {

enum class Action : uint8_t { kRun, kHelp, kVersion, kLicense, kCheck, kPrint, kHealth };

struct Options {
  Action action = Action::kRun;
  Settings settings;  // without `listen`
  ListenFlags listen;
  int verbosity = 0;             // number of -v
  char prefix_delimiter = '\0';  // -D; '\0': not given
  std::string config_file;       // --config
  std::string health_address;    // --health ADDR; empty: the configured listener
  std::vector<std::string> warnings;
};

// `arguments` has the program's name first.
Options ReadOptions(const std::vector<std::string>& arguments);

}  // namespace mcrelay::config
