#include "config/settings.h"

#include "config/value.h"

namespace mcrelay::config {

void ReadSetting(const Key& key, std::string_view text, const Origin& origin, Setting* setting) {
  const std::string error = ReadValue(key, text, &setting->value);
  if (!error.empty()) Fail(origin, error);
  setting->value.places.push_back(origin.place);
  setting->origin = origin;
}

void RequireBuilt(const Key& key, const Origin& origin) {
  if (key.built) return;
  Fail(origin,
       "found '" + std::string(key.name) + "', which is not built yet, expected no such key");
}

}  // namespace mcrelay::config
