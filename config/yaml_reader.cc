#include "config/yaml_reader.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "config/text.h"
#include "config/value.h"
#include "config/yaml_text.h"

namespace mcrelay::config {
namespace {

constexpr size_t kListedNames = 12;

std::string Describe(const YAML::Node& node) {
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a map";
  return "nothing";
}

class YamlReader {
 public:
  YamlReader(const std::string& text, const std::string& file, const Environment& environment)
      : text_(text, file), environment_(environment) {}

  Settings Read() {
    const YAML::Node document = text_.Parse();
    if (!document.IsNull()) {
      if (!document.IsMap()) {
        Fail(At(document.Mark()),
             "found " + DescribeText(document) + ", expected a map of configuration keys");
      }
      ReadSection(document, "");
    }
    return std::move(settings_);
  }

 private:
  Origin At(const YAML::Mark& mark) const { return text_.At(mark); }

  std::string DescribeText(const YAML::Node& node) const {
    return node.IsScalar() ? Quote(node.Scalar()) : Describe(node);
  }

  void ReadSection(const YAML::Node& map, const std::string& section) {
    std::map<std::string, int> lines;  // of the names seen in this map
    for (const auto& entry : map) {
      const std::string name = ReadName(entry.first, section, &lines);
      const std::string full = section.empty() ? name : section + "." + name;
      const bool one_name = name.find_first_of(".[") == std::string::npos;
      const Key* key = one_name ? FindKey(full) : nullptr;
      const bool is_section = one_name && IsSection(full);
      if (key == nullptr && !is_section) FailUnknown(entry.first, name, section);
      if (key != nullptr) RequireBuilt(*key, At(entry.first.Mark()));
      if (is_section && !(key != nullptr && entry.second.IsScalar())) {
        EnterSection(entry.first, entry.second, full);
      } else if (key->syntax.type == Type::kGroup) {
        ReadGroup(*key, entry.second);
      } else {
        ReadKey(*key, entry.first, entry.second, &settings_[key->name]);
      }
    }
  }

  std::string ReadName(const YAML::Node& node, const std::string& section,
                       std::map<std::string, int>* lines) const {
    if (!node.IsScalar()) {
      Fail(At(node.Mark()), "found " + Describe(node) + " as a key, expected a name");
    }
    const std::string& name = node.Scalar();
    const auto [first, fresh] = lines->emplace(name, node.Mark().line + 1);
    if (!fresh) {
      Fail(At(node.Mark()), "found key " + Quote(name) + InSection(section) +
                                " a second time (first in line " + std::to_string(first->second) +
                                "), expected it once");
    }
    return name;
  }

  static std::string InSection(const std::string& section) {
    return section.empty() ? "" : " in section '" + section + "'";
  }

  [[noreturn]] void FailUnknown(const YAML::Node& node, const std::string& name,
                                const std::string& section) const {
    const size_t dot = name.find('.');
    if (section.empty() && dot != std::string::npos && FindKey(name) != nullptr) {
      Fail(At(node.Mark()), "found " + Quote(name) + " as one name, expected section '" +
                                name.substr(0, dot) + "' with key '" + name.substr(dot + 1) +
                                "' in it");
    }
    const auto siblings = NamesIn(section);
    std::string hint;
    for (const Key& key : Schema()) {  // right name, wrong section
      if (hint.empty() && key.name.ends_with("." + name)) hint = DidYouMean(key.name, {key.name});
    }
    if (hint.empty()) hint = DidYouMean(name, siblings);
    std::string expected = "a configuration key";
    if (siblings.size() <= kListedNames) expected = JoinOr(siblings);
    Fail(At(node.Mark()),
         "found unknown key " + Quote(name) + InSection(section) + ", expected " + expected + hint);
  }

  void EnterSection(const YAML::Node& name, const YAML::Node& node, const std::string& section) {
    if (node.IsMap()) {
      ReadSection(node, section);
    } else if (!node.IsNull()) {  // a section whose keys are all commented out is an empty one
      Fail(At(node.IsScalar() || node.IsSequence() ? node.Mark() : name.Mark()),
           "found " + DescribeText(node) + " for section " + section + ", expected a map of " +
               JoinOr(NamesIn(section)));
    }
  }

  // on_error: error
  void ReadGroup(const Key& group, const YAML::Node& node) {
    const std::string prefix = std::string(group.name) + ".";
    for (const Key& key : Schema()) {
      if (key.name.starts_with(prefix)) ReadKey(key, node, node, &settings_[key.name]);
    }
  }

  void ReadKey(const Key& key, const YAML::Node& name, const YAML::Node& node, Setting* setting) {
    const Type type = key.syntax.type;
    const bool is_list =
        type == Type::kAddresses || type == Type::kBackends || type == Type::kShards;
    if (!is_list || !node.IsSequence()) {
      if (is_list && node.IsMap()) FailType(key, node, name);
      ReadSetting(key, Scalar(key, name, node), At(node.Mark()), setting);
      return;
    }
    for (const YAML::Node& entry : node) {
      if (entry.IsMap() && type == Type::kBackends) {
        ReadBackendMap(key, entry, setting);
      } else if (entry.IsMap() && type == Type::kShards) {
        ReadShardMap(entry, setting);
      } else {
        ReadSetting(key, Scalar(key, name, entry), At(entry.Mark()), setting);
      }
    }
    setting->origin = At(name.Mark());
  }

  // The keys of one entry of `list`, by their last name.
  std::map<std::string, Setting> ReadEntry(const std::string& list, const YAML::Node& map) {
    std::map<std::string, int> lines;
    std::map<std::string, Setting> fields;
    for (const auto& entry : map) {
      const std::string name = ReadName(entry.first, list + "[]", &lines);
      const Key* key = FindKey(list + "[]." + name);
      if (key == nullptr) FailUnknown(entry.first, name, list + "[]");
      ReadKey(*key, entry.first, entry.second, &fields[name]);
    }
    return fields;
  }

  // {name: ..., backends: [...], weight: ...} or {service: ..., sentinels: [...], weight: ...}
  void ReadShardMap(const YAML::Node& map, Setting* setting) {
    std::map<std::string, Setting> fields = ReadEntry("shards", map);
    Shard shard;
    shard.backends = fields["backends"].value.backends;
    shard.service = fields["service"].value.text;
    shard.sentinels = fields["sentinels"].value.addresses;
    shard.name = fields["name"].value.text.empty() ? shard.service : fields["name"].value.text;
    if (fields.contains("weight")) {
      shard.weight = static_cast<uint32_t>(fields["weight"].value.number);
    }
    const bool managed = !shard.service.empty();
    if (managed == !shard.backends.empty()) {
      Fail(At(map.Mark()), "found a set with " + std::string(managed ? "both" : "neither") +
                               " backends " + (managed ? "and" : "nor") +
                               " a service, expected one of them");
    }
    if (shard.name.empty()) {
      Fail(At(map.Mark()),
           "found a set without a name, expected {name: a, backends: [host:port:db, ...]}");
    }
    if (!managed && !shard.sentinels.empty()) {
      Fail(fields["sentinels"].origin, "found sentinels without a service, expected service: name");
    }
    setting->value.shards.push_back(std::move(shard));
    setting->value.places.push_back(At(map.Mark()).place);
  }

  // {location: ..., name: ..., weight: ...}
  void ReadBackendMap(const Key& list, const YAML::Node& map, Setting* setting) {
    std::map<std::string, Setting> fields = ReadEntry("backends", map);
    if (!fields.contains("location")) {
      Fail(At(map.Mark()), "found a backend without location, expected {location: host:port:db}");
    }
    const Setting& location = fields["location"];
    ReadSetting(list, location.value.text, location.origin, setting);
    Backend& backend = setting->value.backends.back();
    if (fields.contains("name")) {
      backend.name = fields["name"].value.text;
      backend.named = true;
      if (backend.name.empty()) Fail(fields["name"].origin, "found an empty name, expected text");
    }
    if (fields.contains("weight")) {
      backend.weight = static_cast<uint32_t>(fields["weight"].value.number);
    }
  }

  [[noreturn]] void FailType(const Key& key, const YAML::Node& node, const YAML::Node& name) const {
    Fail(At(node.IsNull() ? name.Mark() : node.Mark()), "found " + Describe(node) + " for " +
                                                            std::string(key.name) + ", expected " +
                                                            Expected(key));
  }

  std::string Scalar(const Key& key, const YAML::Node& name, const YAML::Node& node) const {
    if (!node.IsScalar()) FailType(key, node, name);
    const std::string& tag = node.Tag();
    if (tag.size() > 1 && !tag.starts_with("tag:yaml.org,2002:")) {
      Fail(At(node.Mark()), "found tag " + Quote(tag) + ", expected a plain value");
    }
    text_.CheckQuote(node.Mark());
    return Expand(node.Scalar(), node.Mark());
  }

  std::string Expand(const std::string& text, const YAML::Mark& mark) const {
    std::string out;
    size_t from = 0;
    for (size_t at = text.find("${"); at != std::string::npos; at = text.find("${", from)) {
      if (at > from && text[at - 1] == '$') {  // $${ is a literal ${
        out.append(text, from, at - 1 - from).append("${");
        from = at + 2;
        continue;
      }
      const size_t end = text.find('}', at);
      const std::string name = text.substr(at + 2, std::min(end, text.size()) - at - 2);
      const bool valid = end != std::string::npos && !name.empty() &&
                         name.find_first_not_of(
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                             "0123456789_") == std::string::npos;
      if (!valid) {
        Fail(At(mark),
             "found '${' without a variable's name, expected ${NAME}, or $${ for the text ${");
      }
      const auto variable = environment_.find(name);
      if (variable == environment_.end()) {
        Fail(At(mark),
             "found ${" + name + "}, which is not set, expected a variable of the environment");
      }
      out.append(text, from, at - from).append(variable->second);
      from = end + 1;
    }
    return out.append(text, from);
  }

  const YamlText text_;
  const Environment& environment_;
  Settings settings_;
};

}  // namespace

Settings ReadYaml(const std::string& text, const std::string& file,
                  const Environment& environment) {
  try {
    return YamlReader(text, file, environment).Read();
  } catch (const YAML::Exception& error) {
    throw Failure{ErrorKind::kConfiguration, OneLine(file) + ": found invalid YAML (" +
                                                 OneLine(error.msg) + "), expected a valid file"};
  }
}

}  // namespace mcrelay::config
