// The probe behind `mcrelay --health`: no other tool is needed in a slim image.
#pragma once

#include "config/config.h"

namespace mcrelay::server {

// Sends `version` to `address`; true when a memcached answer comes back within two seconds, if only
// that there are too many clients or that one has to log in. Else says why on stderr.
[[nodiscard]] bool CheckHealth(const config::Address& address);

}  // namespace mcrelay::server
