// Validate refuses combinations of values that cannot work, each with the place of the value to
// change.
//
// Single values were checked when they were read. Throws Failure; a mistake on the command line is
// a usage error, one in the file or environment a configuration error.
#pragma once

#include "config/config.h"
#include "config/settings.h"

namespace mcrelay::config {

// `settings` only says where each value came from.
void Validate(const Config& config, const Settings& settings);

}  // namespace mcrelay::config
