// ListenFlags gathers -p, -l and -s, which together make the `listen` key as memcached makes it:
// -p is the port of every -l address without one; -s alone replaces TCP; -p 0 turns TCP off.
// Without -l, -p is the port of the hosts that the environment or the file names: an image that
// listens on every address goes on doing so.
//
// Filled by the option reader, laid over the other settings by the loader. Throws Failure.
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

  // Changes `listen` where one of the flags was given. `settings` are those of the file and the
  // environment over the defaults.
  void Overlay(Settings* settings) const;
  [[nodiscard]] bool no_tcp() const { return port_ == 0; }

 private:
  void ReadAddress(const std::string& text, Setting* setting) const;
  void MoveToPort(const std::vector<Address>& before, Setting* setting) const;

  std::string spelled_;  // the last of the flags
  int port_ = 11211;     // -1: any free port
  bool port_given_ = false;
  std::vector<std::string> addresses_;
  std::string unix_path_;
};

}  // namespace mcrelay::config
