#include "daemon/admin/host.h"

#include <arpa/inet.h>

#include <string>

namespace mcrelay::admin {

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool IsLocalName(std::string_view host) {
  if (host.empty() || host.starts_with('[')) return true;  // [IPv6]
  const std::string name(host.substr(0, host.find(':')));
  in_addr address{};
  return name == "localhost" || inet_pton(AF_INET, name.c_str(), &address) == 1;
}

}  // namespace mcrelay::admin
