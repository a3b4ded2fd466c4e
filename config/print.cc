#include "config/print.h"

#include "config/text.h"
#include "config/value.h"

namespace mcrelay::config {
namespace {

constexpr size_t kOriginColumn = 44;

void AppendLine(std::string line, const Origin& origin, std::string* out) {
  if (line.size() < kOriginColumn) line.resize(kOriginColumn, ' ');
  *out += line + " # " + OneLine(origin.text) + "\n";
}

// A password that was read from a file is shown as its file, else the output would name both.
bool IsHidden(const Key& key, const Config& config) {
  return key.name == "password" && !config.password_file.empty();
}

// Lists of maps have a line for each entry.
bool AppendEntries(const Key& key, const Config& config, const Origin& origin, std::string* out) {
  std::vector<std::string> entries;
  if (key.syntax.type == Type::kBackends) {
    for (const Backend& backend : config.backends) entries.push_back(FormatBackend(backend));
  } else if (key.syntax.type == Type::kShards) {
    for (const Shard& shard : config.shards) entries.push_back(FormatShard(shard));
  }
  if (entries.empty()) return false;
  AppendLine(std::string(key.name) + ":", origin, out);
  for (const std::string& entry : entries) *out += "  - " + entry + "\n";
  return true;
}

}  // namespace

std::string PrintConfig(const Config& config, const Settings& settings) {
  std::string out = "# The effective configuration of mcrelay\n";
  if (!config.config_file.empty()) out += "# file: " + OneLine(config.config_file) + "\n";
  std::string section;
  for (const Key& key : Schema()) {
    if (!key.built || !key.IsSetting() || IsHidden(key, config)) continue;
    const Origin& origin = settings.at(key.name).origin;
    const size_t dot = key.name.find('.');
    const std::string parent(dot == std::string_view::npos ? "" : key.name.substr(0, dot));
    if (parent != section && !parent.empty()) out += parent + ":\n";
    section = parent;
    if (AppendEntries(key, config, origin, &out)) continue;
    const std::string name(dot == std::string_view::npos ? key.name : key.name.substr(dot + 1));
    AppendLine((parent.empty() ? "" : "  ") + name + ": " + FormatValue(key, key.field.get(config)),
               origin, &out);
  }
  return out;
}

std::vector<Change> Diff(const Config& old, const Config& now) {
  std::vector<Change> changes;
  for (const Key& key : Schema()) {
    if (!key.IsSetting()) continue;
    const Value before = key.field.get(old);
    const Value after = key.field.get(now);
    if (before.SameAs(after)) continue;
    changes.push_back({std::string(key.name), FormatValue(key, before), FormatValue(key, after),
                       key.reload == Reload::kLive});
  }
  return changes;
}

void KeepUntilRestart(const Config& running, Config* fresh) {
  for (const Key& key : Schema()) {
    if (key.IsSetting() && key.reload == Reload::kRestart) {
      key.field.put(*fresh, key.field.get(running));
    }
  }
}

}  // namespace mcrelay::config
