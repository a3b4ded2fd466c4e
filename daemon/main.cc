// mcrelay's entry point: flags, the one-shot actions, then the daemon. Not linked into tests.

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/loader.h"
#include "daemon/log/log.h"
#include "daemon/net/child.h"
#include "daemon/net/memory.h"
#include "daemon/server/health.h"
#include "daemon/server/process.h"
#include "daemon/server/server.h"
#include "daemon/version.h"

extern char** environ;

namespace mcrelay {
namespace {

// EX_CONFIG: a supervisor need not try again.
constexpr int kConfigurationStatus = 78;

using Loader = std::function<config::LoadResult()>;

int Complain(const std::string& message, int status) {
  std::fprintf(stderr, "mcrelay: %s\n", message.c_str());
  return status;
}

int Serve(config::Config config, const Loader& load) {
  log::Start(static_cast<log::Level>(config.log.level),
             config.log.format == config::LogFormat::kJson, config.log.file);
  log::Info(log::Event::kStart, "mcrelay {} starts, configuration: {}", MCRELAY_VERSION,
            config.config_file.empty() ? "flags and environment only" : config.config_file);
  for (const std::string& warning : config.warnings) {
    log::Warning(log::Event::kConfig, "{}", warning);
  }
  net::KeepFreedMemory();
  std::optional<server::Background> background;
  if (config.daemonize) background.emplace(config.verbosity > 0, config.core_dumps);
  if (config.core_dumps) server::AllowCoreDumps();
  if (config.lock_memory) server::LockMemory(config.user);
  std::signal(SIGPIPE, SIG_IGN);
  // Until the server listens to them they must not end the process.
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGUSR1, SIG_IGN);

  server::Server server(std::move(config), [&](std::string* error) {
    config::LoadResult fresh = load();
    if (!fresh.ok()) {
      *error = fresh.message;
      return std::unique_ptr<config::Config>();
    }
    return std::make_unique<config::Config>(std::move(fresh.config));
  });
  server.Run([&] {
    if (background) background->Ready();
  });
  return 0;
}

int Main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  if (argc > 1 && arguments[1] == net::kTiedChild) return net::ExecTied(argc, argv);
  const config::Environment environment = config::ReadEnvironment(environ);
  std::string folder;
  const Loader load = [&] { return config::Load(arguments, environment, folder); };
  config::LoadResult loaded = load();
  config::WipeSecrets(argc, argv);
  if (loaded.ok() && loaded.config.daemonize) {  // which leaves this folder
    std::error_code unknown;
    folder = std::filesystem::current_path(unknown);
    loaded = load();
  }
  if (!loaded.ok()) return Complain(loaded.message, loaded.exit_status());
  const bool serves =
      loaded.action == config::Action::kRun || loaded.action == config::Action::kCheck;
  if (std::string error; serves && !server::Server::Check(loaded.config, &error)) {
    return Complain(error, kConfigurationStatus);
  }
  switch (loaded.action) {
    case config::Action::kVersion:
      std::printf("mcrelay %s (memcached %s)\n", MCRELAY_VERSION, MCRELAY_MEMCACHED_VERSION);
      return 0;
    case config::Action::kCheck:
      for (const std::string& warning : loaded.config.warnings) {
        std::fprintf(stderr, "mcrelay: warning: %s\n", warning.c_str());
      }
      [[fallthrough]];
    case config::Action::kHelp:
    case config::Action::kLicense:
    case config::Action::kPrint:
      std::fputs(loaded.text.c_str(), stdout);
      return 0;
    case config::Action::kHealth:
      return server::CheckHealth(loaded.health) ? 0 : 1;
    case config::Action::kRun:
      break;
  }
  try {
    return Serve(std::move(loaded.config), load);
  } catch (const std::exception& error) {
    return Complain(error.what(), 1);
  }
}

}  // namespace
}  // namespace mcrelay

int main(int argc, char** argv) { return mcrelay::Main(argc, argv); }
