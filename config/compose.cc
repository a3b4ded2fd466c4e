#include "config/compose.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include "config/cpus.h"
#include "config/location.h"
#include "config/text.h"
#include "config/validate.h"

namespace mcrelay::config {
namespace {

constexpr size_t kFileBytes = 4 << 20;
constexpr uint64_t kItemsInFlight = 16;

template <typename Number>
void Derive(std::string_view name, const std::string& from, Number value, Number* member,
            Settings* settings) {
  Setting& setting = settings->at(name);
  if (setting.origin.source != Source::kDefault) return;
  *member = value;
  setting.origin.text = "default, " + from;
}

void ResolveThreads(Config* config, Settings* settings) {
  if (config->threads != 0) return;
  config->threads = std::clamp(UsableCpus(), 1u, 512u);
  settings->at("threads").origin.text += ", one per core that may be used";
}

// The buffers of a client and of a node must hold the few largest items that may always be in
// flight; -I alone must not break that.
void ResolveLimits(Config* config, Settings* settings) {
  const uint64_t many_items = kItemsInFlight * config->limits.item_size;
  if (config->limits.client_output < many_items) {
    Derive("limits.client_output", "16 times limits.item_size", many_items,
           &config->limits.client_output, settings);
  }
  if (config->limits.node_output < many_items) {
    Derive("limits.node_output", "16 times limits.item_size", many_items,
           &config->limits.node_output, settings);
  }
}

void ResolveTopology(Config* config, Settings* settings) {
  config->embedded =
      config->backends.empty() && config->shards.empty() && config->topology != Topology::kSentinel;
  if (config->backends.size() > 1) {
    Derive("topology", "from the number of backends", Topology::kShard, &config->topology,
           settings);
  } else if (!config->shards.empty()) {
    Derive("topology", "from shards", Topology::kShard, &config->topology, settings);
  }
}

void ReadPassword(Config* config, const Settings& settings) {
  if (config->password_file.empty()) return;
  const Origin& origin = settings.at("password_file").origin;
  std::string text;
  try {
    text = ReadFile(config->password_file, "password_file");
  } catch (const Failure& failure) {
    Fail(origin, failure.message);
  }
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty() || text.find('\0') != std::string::npos) {
    Fail(origin, "found no password in " + Quote(config->password_file) + ", expected one line");
  }
  config->password = text;
}

// What the location says wins over what the configuration says for all. `place` of the list's
// entry.
void CompleteBackend(const Config& config, const Setting& list, size_t place, Backend* backend) {
  if (backend->password.empty()) backend->password = config.password;
  if (backend->username.empty()) backend->username = config.username;
  if (backend->username.empty() || !backend->password.empty()) return;
  Origin origin = list.origin;
  if (place < list.value.places.size()) origin.place = list.value.places[place];
  Fail(origin,
       "found a user without a password for a backend, expected a password too "
       "(redis://:password@host has one without a user)");
}

void CompleteBackends(Config* config, const Settings& settings) {
  for (size_t i = 0; i < config->backends.size(); ++i) {
    CompleteBackend(*config, settings.at("backends"), i, &config->backends[i]);
  }
  for (size_t i = 0; i < config->shards.size(); ++i) {
    for (Backend& backend : config->shards[i].backends) {
      CompleteBackend(*config, settings.at("shards"), i, &backend);
    }
  }
}

void DropTcp(Config* config, Settings* settings) {
  std::vector<Address>& all = config->listen;
  std::erase_if(all, [](const Address& address) { return address.unix_path.empty(); });
  if (all.empty()) {
    Fail(FromFlag("-p 0"), "found nothing left to listen on, expected a Unix socket (-s)");
  }
  settings->at("listen").origin.text += ", without TCP (flag -p 0)";
}

void WarnAbout(const Options& options, Config* config) {
  config->warnings.insert(config->warnings.end(), options.warnings.begin(), options.warnings.end());
  const auto backends = options.settings.find("backends");
  if (backends != options.settings.end()) {
    for (const Backend& backend : backends->second.value.backends) {
      if (backend.password.empty()) continue;
      config->warnings.push_back(
          "--backend holds a password, which others can see before it is wiped: use password_file");
      break;
    }
  }
  if (config->embedded && !config->password.empty()) {
    config->warnings.push_back(
        "a password is set but no backend is named: starting the private redis-server");
  }
  for (const Address& address : config->listen) {
    if (IsLoopback(address) || !config->auth_file.empty()) continue;
    config->warnings.push_back("listening on " + FormatAddress(address) +
                               " without authentication: whoever reaches it reads and writes "
                               "every item");
  }
  if (config->raw_listen && !IsLoopback(*config->raw_listen)) {
    config->warnings.push_back("raw_listen on " + FormatAddress(*config->raw_listen) +
                               ": whoever reaches it commands the Redis server");
  }
}

}  // namespace

Settings DefaultSettings() {
  Settings settings;
  for (const Key& key : Schema()) {
    if (!key.IsSetting()) continue;
    Setting& setting = settings[key.name];
    const bool empty_list = key.syntax.initial.empty() && (key.syntax.type == Type::kBackends ||
                                                           key.syntax.type == Type::kShards ||
                                                           key.syntax.type == Type::kAddresses);
    const Origin origin{Source::kDefault, "default", "default of " + std::string(key.name)};
    if (!empty_list) ReadSetting(key, key.syntax.initial, origin, &setting);
    setting.origin = origin;
  }
  return settings;
}

void Overlay(const Settings& layer, Settings* settings) {
  static const Settings defaults = DefaultSettings();
  const auto password = layer.find("password");
  const auto file = layer.find("password_file");
  if (password != layer.end() && file != layer.end()) {
    if (!password->second.value.text.empty() && !file->second.value.text.empty()) {
      Fail(file->second.origin, "found password_file beside password, expected one of them");
    }
  }
  if (password != layer.end() || file != layer.end()) {
    (*settings)["password"] = defaults.at("password");
    (*settings)["password_file"] = defaults.at("password_file");
  }
  for (const auto& [name, setting] : layer) (*settings)[name] = setting;
}

std::string FromFolder(const std::string& folder, const std::string& path) {
  return folder.empty() || path.empty() || path.starts_with('/') ? path : folder + "/" + path;
}

std::string BoundFile(const std::string& runtime_folder) { return runtime_folder + "/listening"; }

Config Compose(Settings* settings, const Options& options, const Environment& environment,
               const std::string& folder) {
  if (settings->at("backends").value.backends.empty() &&
      !Lookup(environment, "REDIS_URL").empty()) {
    settings->at("backends") = ReadRedisUrl(environment);
  }
  Config config;
  for (const Key& key : Schema()) {
    if (key.IsSetting()) key.field.put(config, settings->at(key.name).value);
  }
  config.flush_all_enabled = config.flush_all != FlushAll::kDeny;
  config.verbosity = options.verbosity;
  config.prefix_delimiter = options.prefix_delimiter;
  config.port_file = Lookup(environment, "MEMCACHED_PORT_FILENAME");
  if (const std::string runtime = RuntimeFolder(environment); !runtime.empty()) {
    config.bound_file = BoundFile(runtime);
  }
  for (std::string* path : {&config.password_file, &config.auth_file, &config.log.file,
                            &config.pid_file, &config.port_file, &config.bound_file}) {
    *path = FromFolder(folder, *path);
  }
  if (options.listen.no_tcp()) DropTcp(&config, settings);
  ResolveThreads(&config, settings);
  ResolveLimits(&config, settings);
  ResolveTopology(&config, settings);
  ReadPassword(&config, *settings);
  CompleteBackends(&config, *settings);
  NameBackends(&config);
  Validate(config, *settings);
  WarnAbout(options, &config);
  return config;
}

void NameBackends(Config* config) {
  const bool as_written = config->distribution == "django-redis";
  std::vector<Backend*> all;
  for (Backend& backend : config->backends) all.push_back(&backend);
  for (Shard& shard : config->shards) {
    for (Backend& backend : shard.backends) all.push_back(&backend);
  }
  std::map<std::string, int> times;
  for (Backend* backend : all) {
    const bool whole = as_written || !backend->unix_path.empty();
    if (!backend->named) {
      backend->name = whole ? backend->location : HostPort(backend->host, backend->port);
    }
    ++times[backend->name];
  }
  for (Backend* backend : all) {
    if (!backend->named && times[backend->name] > 1) backend->name = backend->location;
    if (backend->named || !as_written) backend->ring_name = backend->name;
  }
}

std::string ReadFile(const std::string& path, const std::string& named_by) {
  const auto fail = [&](const std::string& why) {
    throw Failure{ErrorKind::kConfiguration, OneLine(path) + ": found " + why +
                                                 ", expected a readable file (named by " +
                                                 named_by + ")"};
  };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) fail("'" + std::string(std::strerror(errno)) + "'");
  std::string text;
  char buffer[16384];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, got);
    if (text.size() > kFileBytes) fail("more than 4 MB");
  }
  if (std::ferror(file.get())) fail("'" + std::string(std::strerror(errno)) + "'");
  return text;
}

}  // namespace mcrelay::config
