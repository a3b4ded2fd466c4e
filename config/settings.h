// Settings: what one source (the file, the environment, the flags) says, key by key, each with its
// origin.
//
// The readers fill one Settings each; the loader lays them over each other and builds the Config.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "config/error.h"
#include "config/schema.h"

namespace mcrelay::config {

enum class Source : uint8_t { kDefault, kFile, kEnvironment, kFlag };

struct Origin {
  Source source = Source::kDefault;
  std::string text = "default";  // for --print-config: "mcrelay.yaml:3", "environment X", "flag -p"
  std::string place;             // starts an error: "mcrelay.yaml:3:10", "environment X", "-p"

  [[nodiscard]] ErrorKind kind() const {
    return source == Source::kFlag ? ErrorKind::kUsage : ErrorKind::kConfiguration;
  }
};

inline Origin FromFlag(const std::string& spelled) {
  return {Source::kFlag, "flag " + spelled, spelled};
}

struct Setting {
  Value value;
  Origin origin;
};

// Key name (from the schema, so it lives forever) to setting.
using Settings = std::map<std::string_view, Setting>;

[[noreturn]] inline void Fail(const Origin& origin, const std::string& what) {
  throw Failure{origin.kind(), origin.place + ": " + what};
}

// Reads `text` into `setting->value`, appending where the key is a list. Throws Failure.
void ReadSetting(const Key& key, std::string_view text, const Origin& origin, Setting* setting);

// Refuses a key whose feature is not there. Throws Failure.
void RequireBuilt(const Key& key, const Origin& origin);

}  // namespace mcrelay::config
