// Reads MCRELAY_* variables into Settings: the names come from the schema, lists are comma
// separated.
//
// An empty variable counts as not set. An unknown MCRELAY_* name is a warning; the variables that
// Kubernetes makes for a service called mcrelay (MCRELAY_PORT=tcp://..., MCRELAY_SERVICE_HOST ...)
// are passed over. REDIS_URL names a backend only when nothing else does. Throws Failure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace mcrelay::config {

using Environment = std::map<std::string, std::string>;

// The value, or "" when it is not set.
std::string Lookup(const Environment& environment, const std::string& name);

// The service manager's folder for us (RUNTIME_DIRECTORY, its first), or "".
std::string RuntimeFolder(const Environment& environment);

// Warnings are appended.
Settings ReadVariables(const Environment& environment, std::vector<std::string>* warnings);

// The backend of REDIS_URL. REQUIRES: it is set and not empty.
Setting ReadRedisUrl(const Environment& environment);

// Whether Kubernetes (or Docker's old links) made this variable for a service.
bool IsServiceLink(std::string_view name, std::string_view value);

}  // namespace mcrelay::config
