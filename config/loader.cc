#include "config/loader.h"

#include <cstring>
#include <exception>

#include "config/compose.h"
#include "config/flags.h"
#include "config/location.h"
#include "config/text.h"
#include "config/yaml_reader.h"

namespace mcrelay::config {
namespace {

constexpr int kUsageStatus = 2;
constexpr int kConfigurationStatus = 78;  // EX_CONFIG of sysexits.h

constexpr const char* kLicense =
    "mcrelay is free software under the MIT License; see the file LICENSE.\n"
    "It uses libuv (MIT), hiredis (BSD), yaml-cpp (MIT), spdlog (MIT), cpp-httplib (MIT),\n"
    "prometheus-cpp (MIT), nlohmann-json (MIT) and OpenSSL (Apache 2.0).\n";

// What a client connects to, to reach a listener on every address.
Address Reachable(Address address) {
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  return address;
}

Address ReadHealthAddress(const std::string& text) {
  Setting setting;
  ReadSetting(*FindKey("listen"), text, FromFlag("--health"), &setting);
  return Reachable(setting.value.addresses.front());
}

// Where the daemon of this runtime folder listens, as it says itself; empty if there is none. Only
// for --health without any other flag: a container's check does not know the container's arguments.
std::string BoundAddress(const std::vector<std::string>& arguments,
                         const Environment& environment) {
  const std::string folder = RuntimeFolder(environment);
  if (folder.empty() || arguments.size() != 2) return "";
  try {
    const std::string text = ReadFile(BoundFile(folder), "RUNTIME_DIRECTORY");
    return text.substr(0, text.find('\n'));
  } catch (const Failure&) {
    return "";
  }
}

void LoadConfig(const Options& options, const Environment& environment, const std::string& folder,
                LoadResult* result) {
  Settings settings = DefaultSettings();
  std::vector<std::string> warnings;
  const bool by_flag = !options.config_file.empty();
  const std::string file = by_flag ? options.config_file : Lookup(environment, "MCRELAY_CONFIG");
  if (!file.empty()) {
    const std::string text =
        ReadFile(FromFolder(folder, file), by_flag ? "--config" : "MCRELAY_CONFIG");
    Overlay(ReadYaml(text, file, environment), &settings);
  }
  Overlay(ReadVariables(environment, &warnings), &settings);
  Overlay(options.settings, &settings);
  options.listen.Overlay(&settings);
  result->config = Compose(&settings, options, environment, folder);
  result->config.config_file = file;
  result->config.warnings.insert(result->config.warnings.end(), warnings.begin(), warnings.end());
  result->config.effective = PrintConfig(result->config, settings);
  if (result->action == Action::kPrint) result->text = result->config.effective;
  if (result->action == Action::kCheck) {
    result->text = (file.empty() ? "configuration" : OneLine(file)) + ": valid\n";
  }
}

void LoadOrThrow(const std::vector<std::string>& arguments, const Environment& environment,
                 const std::string& folder, LoadResult* result) {
  Options options = ReadOptions(arguments);
  result->action = options.action;
  switch (options.action) {
    case Action::kVersion:
      return;
    case Action::kHelp:
      result->text = HelpText();
      return;
    case Action::kLicense:
      result->text = kLicense;
      return;
    case Action::kHealth:
      if (options.health_address.empty()) {
        options.health_address = BoundAddress(arguments, environment);
      }
      if (!options.health_address.empty()) {
        result->health = ReadHealthAddress(options.health_address);
        return;
      }
      LoadConfig(options, environment, folder, result);
      result->health = Reachable(result->config.listen.front());
      return;
    default:
      LoadConfig(options, environment, folder, result);
  }
}

}  // namespace

int LoadResult::exit_status() const {
  if (error == ErrorKind::kUsage) return kUsageStatus;
  return error == ErrorKind::kConfiguration ? kConfigurationStatus : 0;
}

LoadResult Load(const std::vector<std::string>& arguments, const Environment& environment,
                const std::string& folder) {
  LoadResult result;
  try {
    LoadOrThrow(arguments, environment, folder, &result);
  } catch (const Failure& failure) {
    result.error = failure.kind;
    result.message = failure.message;
  } catch (const std::exception& error) {  // out of memory, or a library's surprise
    result.error = ErrorKind::kConfiguration;
    result.message = "configuration: found " + Quote(error.what()) + ", expected none";
  }
  return result;
}

LoadResult Load(int argc, char* const* argv, const Environment& environment) {
  return Load(std::vector<std::string>(argv, argv + argc), environment);
}

Environment ReadEnvironment(const char* const* environ_block) {
  Environment environment;
  for (const char* const* at = environ_block; at != nullptr && *at != nullptr; ++at) {
    const char* equals = std::strchr(*at, '=');
    if (equals != nullptr) environment.emplace(std::string(*at, equals), equals + 1);
  }
  return environment;
}

void WipeSecrets(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view password = PasswordIn(argv[i]);
    const size_t from = static_cast<size_t>(password.data() - argv[i]);
    if (!password.empty()) std::memset(argv[i] + from, '*', password.size());
  }
}

}  // namespace mcrelay::config
