#include "daemon/admin/view.h"

#include <algorithm>
#include <charconv>

namespace mcrelay::admin {

bool StatOf(const View& view, std::string_view name, double* value) {
  for (const auto& [key, text] : view.stats) {
    if (key != name) continue;
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, *value);
    return result.ec == std::errc() && result.ptr == end;
  }
  return false;
}

double StatOr0(const View& view, std::string_view name) {
  double value = 0;
  return StatOf(view, name, &value) ? value : 0;
}

bool IsAlive(const View& view) {
  return std::all_of(view.loops.begin(), view.loops.end(),
                     [](const LoopValues& loop) { return loop.age_ms < kHangsMs; });
}

bool IsReady(const View& view) {
  return view.phase == Phase::kServing &&
         std::all_of(view.listeners.begin(), view.listeners.end(),
                     [](const ListenerValues& listener) { return listener.open; });
}

}  // namespace mcrelay::admin
