#include "config/environment.h"

#include <algorithm>
#include <regex>

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

bool IsServiceLink(std::string_view name, std::string_view value) {
  static const std::regex made(
      "(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|"
      "PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)");
  if (!name.starts_with(kPrefix)) return false;
  const std::string rest(name.substr(kPrefix.size()));
  if (std::regex_match(rest, made)) return true;
  const bool names_port = rest == "PORT" || rest.ends_with("_PORT");
  return names_port && (value.starts_with("tcp://") || value.starts_with("udp://") ||
                        value.starts_with("sctp://"));
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
