#include "config/environment.h"

#include <algorithm>

#include "config/text.h"

namespace mcrelay::config {
namespace {

constexpr std::string_view kPrefix = "MCRELAY_";
constexpr std::string_view kFileVariable = "MCRELAY_CONFIG";

Origin FromVariable(const std::string& name) {
  return {Source::kEnvironment, "environment " + name, "environment " + name};
}

bool IsList(const Key& key) {
  return key.syntax.type == Type::kAddresses || key.syntax.type == Type::kBackends;
}

Setting ReadVariable(const Key& key, const Origin& origin, std::string_view text) {
  Setting setting;
  if (!IsList(key)) {
    ReadSetting(key, text, origin, &setting);
    return setting;
  }
  for (const std::string_view entry : Split(text, ',')) {
    ReadSetting(key, Trim(entry), origin, &setting);
  }
  return setting;
}

// The keys that a variable may set, by variable name.
std::map<std::string, const Key*> KnownVariables() {
  std::map<std::string, const Key*> known;
  for (const Key& key : Schema()) {
    if (!key.IsEntry()) known[EnvironmentName(key)] = &key;
  }
  return known;
}

std::string UnknownVariable(const std::string& name,
                            const std::map<std::string, const Key*>& known) {
  const auto rest = [](std::string_view full) { return full.substr(kPrefix.size()); };
  std::vector<std::string_view> names{rest(kFileVariable)};  // the prefix would make all alike
  for (const auto& [candidate, key] : known) names.push_back(rest(candidate));
  const std::string_view nearest = Nearest(rest(name), names);
  return "environment " + OneLine(name) + ": no such setting, ignored" +
         (nearest.empty() ? ""
                          : " (did you mean " + std::string(kPrefix) + std::string(nearest) + "?)");
}

// [...] PORT <number> TCP|UDP|SCTP [PROTO|PORT|ADDR]
bool IsPortLink(std::vector<std::string_view> words) {
  const std::string_view last = words.back();
  if (last == "PROTO" || last == "PORT" || last == "ADDR") words.pop_back();
  if (words.size() < 3) return false;
  const auto tail = words.end() - 3;
  const bool number =
      !tail[1].empty() && tail[1].find_first_not_of("0123456789") == std::string_view::npos;
  return tail[0] == "PORT" && number && (tail[2] == "TCP" || tail[2] == "UDP" || tail[2] == "SCTP");
}

// MCRELAY_ON_ERROR sets the keys of its section that no variable of their own sets.
void SpreadGroup(const Key& group, const Origin& origin, std::string_view text,
                 Settings* settings) {
  const std::string prefix = std::string(group.name) + ".";
  for (const Key& key : Schema()) {
    if (!key.name.starts_with(prefix) || settings->contains(key.name)) continue;
    settings->emplace(key.name, ReadVariable(key, origin, text));
  }
}

}  // namespace

std::string Lookup(const Environment& environment, const std::string& name) {
  const auto at = environment.find(name);
  return at == environment.end() ? "" : at->second;
}

std::string RuntimeFolder(const Environment& environment) {
  const std::string folders = Lookup(environment, "RUNTIME_DIRECTORY");
  return folders.substr(0, folders.find(':'));
}

bool IsServiceLink(std::string_view name, std::string_view value) {
  if (!name.starts_with(kPrefix)) return false;
  const std::vector<std::string_view> words = Split(name.substr(kPrefix.size()), '_');
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "SERVICE") continue;
    if (words[i + 1] == "PORT") return true;                           // _SERVICE_PORT, and _NAME
    if (words[i + 1] == "HOST" && i + 2 == words.size()) return true;  // _SERVICE_HOST
  }
  if (words.back() == "PORT" && (value.starts_with("tcp://") || value.starts_with("udp://") ||
                                 value.starts_with("sctp://"))) {
    return true;
  }
  return IsPortLink(words);
}

Settings ReadVariables(const Environment& environment, std::vector<std::string>* warnings) {
  const auto known = KnownVariables();
  Settings settings;
  std::vector<std::pair<const Key*, std::string>> groups;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(kPrefix) || name == kFileVariable || value.empty()) continue;
    if (IsServiceLink(name, value)) continue;
    const auto at = known.find(name);
    if (at == known.end()) {
      warnings->push_back(UnknownVariable(name, known));
      continue;
    }
    const Key& key = *at->second;
    RequireBuilt(key, FromVariable(name));
    if (key.syntax.type == Type::kGroup) {
      groups.emplace_back(&key, name);
    } else {
      settings[key.name] = ReadVariable(key, FromVariable(name), value);
    }
  }
  for (const auto& [group, name] : groups) {
    SpreadGroup(*group, FromVariable(name), environment.at(name), &settings);
  }
  return settings;
}

Setting ReadRedisUrl(const Environment& environment) {
  return ReadVariable(*FindKey("backends"), FromVariable("REDIS_URL"), environment.at("REDIS_URL"));
}

}  // namespace mcrelay::config
