// ListenFlags gathers -p, -l and -s, which together make the `listen` key as memcached makes it:
// -p is the port of every -l address without one; -s alone replaces TCP; -p 0 turns TCP off.
//
// Owned by the option reader, used once. Throws Failure.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace mcrelay::config {

class ListenFlags {
 public:
  void SetPort(const std::string& spelled, const std::string& text);
  void AddAddresses(const std::string& spelled, const std::string& list);
  void SetUnixPath(const std::string& spelled, const std::string& path);

  // Sets `listen` when one of the flags names a place to listen on.
  void Finish(Settings* settings) const;
  [[nodiscard]] bool no_tcp() const { return port_ == 0; }

 private:
  void ReadAddress(const std::string& text, Setting* setting) const;

  std::string spelled_;  // the last of the flags
  int port_ = 11211;     // -1: any free port
  bool port_given_ = false;
  std::vector<std::string> addresses_;
  std::string unix_path_;
};

}  // namespace mcrelay::config
