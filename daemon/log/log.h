// Logging: one line per event worth an operator's attention, as text or JSON, never per request.
//
// Over spdlog, process-wide by nature; every function may be called from any thread after Start().
// Each line names its event from a fixed list (Event, documented in docs/operations.md), so
// that a log can be searched and alerted on without matching prose. No secret may be passed in.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mcrelay::log {

enum class Event : uint8_t {
  kStart,
  kListening,
  kReady,
  kStop,
  kConfig,
  kReload,
  kNodeUp,
  kNodeDown,
  kNodeRefuses,
  kEmbedded,
  kClient,
  kLimit,
  kPendingRemoval,
  kFlush,
  kBinaryProtocol,
  kTopology,
};

struct EventInfo {
  Event event;
  std::string_view name;
  std::string_view meaning;
};
// Every event, in the order of the enum.
[[nodiscard]] std::span<const EventInfo> AllEvents();

enum class Level : uint8_t { kDebug, kInfo, kWarning, kError };

// Opens the log: `file` empty means stderr. REQUIRES: called before any thread is started.
// Throws std::runtime_error when the file cannot be opened.
void Start(Level level, bool json, const std::string& file);
void SetLevel(Level level);
// Closes and opens the file again, after logrotate moved it. Nothing to do for stderr.
void Reopen();

void Write(Level level, Event event, std::string_view message);

struct Recent {
  int64_t unix_ms;
  Level level;
  std::string_view event;
  std::string message;  // one line
};
// The last events that were logged, oldest first; at most 50.
[[nodiscard]] std::vector<Recent> RecentEvents();

template <typename... Args>
void Debug(Event event, fmt::format_string<Args...> format, Args&&... args) {
  Write(Level::kDebug, event, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Info(Event event, fmt::format_string<Args...> format, Args&&... args) {
  Write(Level::kInfo, event, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Warning(Event event, fmt::format_string<Args...> format, Args&&... args) {
  Write(Level::kWarning, event, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Error(Event event, fmt::format_string<Args...> format, Args&&... args) {
  Write(Level::kError, event, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace mcrelay::log
