// Reads the YAML file into Settings.
//
// Strict: unknown, duplicate and not-built keys, wrong types, bad values, unset ${VARIABLES}, a
// second document, an unclosed quote, control bytes and broken UTF-8 are errors with
// file:line:column.
// `$${` stands for a literal `${`. Throws Failure; nothing else leaves.
#pragma once

#include <string>

#include "config/environment.h"
#include "config/settings.h"

namespace mcrelay::config {

// `file` is only used in messages.
Settings ReadYaml(const std::string& text, const std::string& file, const Environment& environment);

}  // namespace mcrelay::config
