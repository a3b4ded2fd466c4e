// SocketFiles tells in files where the daemon listens: the port file of MEMCACHED_PORT_FILENAME,
// and in the runtime folder the addresses for `mcrelay --health`, which need not know the daemon's
// flags.
//
// Owned by the server; main thread. A file that cannot be written is a warning or, when it is only
// there to help --health, nothing.
#pragma once

#include <string>

namespace mcrelay::server {

class SocketFiles {
 public:
  SocketFiles() = default;
  ~SocketFiles();
  SocketFiles(const SocketFiles&) = delete;
  SocketFiles& operator=(const SocketFiles&) = delete;

  // A socket that clients are accepted from.
  void Add(int fd);
  // Once all are added. Empty: no such file. The port file stays at the end, as memcached's does.
  void Write(const std::string& port_file, const std::string& bound_file);

 private:
  std::string ports_;
  std::string addresses_;
  std::string bound_file_;  // to be removed at the end
};

}  // namespace mcrelay::server
