// Shows a configuration: --print-config's YAML, and the differences that a reload makes.
//
// Pure functions, any thread. Secrets never come out.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/settings.h"

namespace mcrelay::config {

// YAML that loads again, every value with its origin behind it.
std::string PrintConfig(const Config& config, const Settings& settings);

// One key whose value differs between two configurations.
struct Change {
  std::string key;   // dotted name, as in the file
  std::string from;  // as YAML, secrets masked
  std::string to;
  bool live = true;  // can change at run time; else it needs a restart
};
// In the order of the schema.
[[nodiscard]] std::vector<Change> Diff(const Config& old, const Config& now);

// A reload: what needs a restart keeps the running value in `fresh`.
void KeepUntilRestart(const Config& running, Config* fresh);

}  // namespace mcrelay::config
