// The probe behind `mcrelay --health`: no other tool is needed in a slim image.
#pragma once

#include "config/config.h"

namespace mcrelay::server {

// Sends `version` to `address`; true when a VERSION line comes back within two seconds. Else says
// why on stderr.
[[nodiscard]] bool CheckHealth(const config::Address& address);

}  // namespace mcrelay::server
