#include "daemon/server/socket_files.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "daemon/log/log.h"
#include "daemon/net/listener.h"
#include "daemon/net/socket_name.h"

namespace mcrelay::server {
namespace {

// As memcached: written aside and renamed, so that a reader sees all of it or nothing.
bool WriteWhole(const std::string& path, const std::string& text) {
  const std::string aside = path + ".lck";
  std::ofstream(aside) << text;
  return std::rename(aside.c_str(), path.c_str()) == 0;
}

}  // namespace

SocketFiles::~SocketFiles() {
  if (!bound_file_.empty()) unlink(bound_file_.c_str());
}

void SocketFiles::Add(int fd) {
  addresses_ += net::BoundAddress(fd) + "\n";
  if (const uint16_t port = net::BoundPort(fd); port != 0) {
    ports_ += (net::IsIpv6Socket(fd) ? "TCP INET6: " : "TCP INET: ") + std::to_string(port) + "\n";
  }
}

void SocketFiles::Write(const std::string& port_file, const std::string& bound_file) {
  if (!port_file.empty() && !WriteWhole(port_file, ports_)) {
    log::Warning(log::Event::kStart, "cannot write {}: {}", port_file, std::strerror(errno));
  }
  if (!bound_file.empty() && WriteWhole(bound_file, addresses_)) bound_file_ = bound_file;
}

}  // namespace mcrelay::server
