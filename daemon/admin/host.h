// Who an admin address can be reached by, and which Host header a request for it may carry. Pure.
#pragma once

#include <string_view>

namespace mcrelay::admin {

// `host`: an IP address or name as in the configuration.
[[nodiscard]] bool IsLoopback(std::string_view host);
// `host`: a Host header. True for an IP address or localhost, with or without port, and for none at
// all: a browser that was lured here by a name of the attacker's (DNS rebinding) sends that name.
[[nodiscard]] bool IsLocalName(std::string_view host);

}  // namespace mcrelay::admin
