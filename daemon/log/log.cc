#include "daemon/log/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace mcrelay::log {
namespace {

constexpr std::array<EventInfo, 16> kEvents = {{
    {Event::kStart, "start", "the process starts: version, configuration"},
    {Event::kListening, "listening", "a listener is open, or an inherited one is used"},
    {Event::kReady, "ready", "clients are served"},
    {Event::kStop, "stop", "a stop was asked for, drain began or ended"},
    {Event::kConfig, "config", "an option that is ignored or risky"},
    {Event::kReload, "reload", "a reload was taken over or refused, and why"},
    {Event::kNodeUp, "node_up", "a node answers again"},
    {Event::kNodeDown, "node_down", "a node was ejected, with the reason"},
    {Event::kNodeRefuses, "node_refuses",
     "a node refuses commands for its own state (NOAUTH, OOM, READONLY ...)"},
    {Event::kEmbedded, "embedded", "the embedded redis-server started, ended or is restarted"},
    {Event::kClient, "client", "a client was closed for what it did"},
    {Event::kLimit, "limit", "a limit was reached: connections, descriptors"},
    {Event::kPendingRemoval, "pending_removal", "removals after an outage: begun, done, overflow"},
    {Event::kFlush, "flush", "a flush_all could not reach a node or was made up for"},
    {Event::kBinaryProtocol, "binary_protocol", "a client spoke the binary protocol"},
    {Event::kTopology, "topology", "who serves what was found, changed, or is not known"},
}};

constexpr size_t kMostRecent = 50;

// The logger without a time stamp of its own under systemd, which keeps one.
bool UnderJournal() { return std::getenv("JOURNAL_STREAM") != nullptr; }

struct State {
  bool json = false;
  bool journal = false;
  std::string file;
  std::shared_ptr<spdlog::logger> logger;
  std::deque<Recent> recent;
  std::mutex mutex;  // Reopen() replaces the logger under the other threads
};
State& Current() {
  static State state;
  return state;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// sd-daemon(3): `<N>` at the start of a line is its priority.
std::string_view JournalPriority(Level level) {
  constexpr std::array<std::string_view, 4> kPriorities = {"<7>", "<6>", "<4>", "<3>"};
  return kPriorities[static_cast<size_t>(level)];
}

void AppendJsonText(std::string* out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      *out += fmt::format("\\u{:04x}", byte);
    } else {
      *out += c;
    }
  }
}

// A line stays one line whatever bytes a client or server put into it.
std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  return line;
}

void OpenLogger() {
  State& state = Current();
  spdlog::sink_ptr sink;
  if (state.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    try {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(state.file);
    } catch (const spdlog::spdlog_ex& error) {
      throw std::runtime_error("log file: " + std::string(error.what()));
    }
  }
  const auto level = state.logger == nullptr ? spdlog::level::info : state.logger->level();
  state.logger = std::make_shared<spdlog::logger>("mcrelay", sink);
  state.logger->set_level(level);
  state.logger->flush_on(spdlog::level::debug);
  if (state.json) {
    state.logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
  } else {
    state.logger->set_pattern(state.journal ? "%v" : "%Y-%m-%d %H:%M:%S.%e %l %v");
  }
}

}  // namespace

std::span<const EventInfo> AllEvents() { return kEvents; }

void Start(Level level, bool json, const std::string& file) {
  State& state = Current();
  state.json = json;
  state.file = file;
  state.journal = file.empty() && !json && UnderJournal();
  OpenLogger();
  SetLevel(level);
}

void SetLevel(Level level) {
  const std::lock_guard lock(Current().mutex);
  Current().logger->set_level(ToSpdlog(level));
}

void Reopen() {
  std::string error;
  {
    const std::lock_guard lock(Current().mutex);
    if (Current().file.empty()) return;
    try {
      OpenLogger();
    } catch (const std::runtime_error& failure) {
      error = failure.what();  // the old file goes on
    }
  }
  if (!error.empty()) Error(Event::kConfig, "{}; logging goes on where it was", error);
}

void Write(Level level, Event event, std::string_view message) {
  State& state = Current();
  const std::lock_guard lock(state.mutex);
  if (state.logger == nullptr || !state.logger->should_log(ToSpdlog(level))) return;
  const std::string_view name = kEvents[static_cast<size_t>(event)].name;
  if (state.recent.size() == kMostRecent) state.recent.pop_front();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  state.recent.push_back({std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), level,
                          name, OneLine(message)});
  std::string line;
  if (state.json) {
    line = fmt::format(R"("event":"{}","message":")", name);
    AppendJsonText(&line, message);
    line += '"';
  } else {
    line = fmt::format("{}{}: {}", state.journal ? JournalPriority(level) : std::string_view(),
                       name, OneLine(message));
  }
  state.logger->log(ToSpdlog(level), line);
}

std::vector<Recent> RecentEvents() {
  State& state = Current();
  const std::lock_guard lock(state.mutex);
  return {state.recent.begin(), state.recent.end()};
}

}  // namespace mcrelay::log
