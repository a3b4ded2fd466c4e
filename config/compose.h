// Compose lays the sources over each other and completes what follows from them: the number of
// threads, the topology, the nodes' names, the password from its file, limits that depend on the
// item size.
//
// Reads the password file; nothing else outside. Throws Failure.
#pragma once

#include "config/config.h"
#include "config/environment.h"
#include "config/options.h"
#include "config/settings.h"

namespace mcrelay::config {

// The value and origin of every key, defaults included.
Settings DefaultSettings();
// Puts `layer` over `settings`. password and password_file are one choice: either replaces both.
void Overlay(const Settings& layer, Settings* settings);

// Complete and checked (config/validate.h). `settings` gets what was derived.
// `folder` is where relative paths start, for a process that will leave the working directory;
// empty: they stay as they are.
Config Compose(Settings* settings, const Options& options, const Environment& environment,
               const std::string& folder);

// `path`, from `folder` when it is relative and there is a folder.
std::string FromFolder(const std::string& folder, const std::string& path);

// In `runtime_folder` (RuntimeFolder(), not empty): the addresses a running daemon listens on.
std::string BoundFile(const std::string& runtime_folder);

// Names every backend that has none: host:port, or the whole location where two would be equal;
// what the ring hashes follows (django-redis: the location as written). Two equal names are left
// for Validate().
void NameBackends(Config* config);

// The whole file, or throws Failure. `named_by` ends the message: "--config".
std::string ReadFile(const std::string& path, const std::string& named_by);

}  // namespace mcrelay::config
