#include "daemon/admin/csv.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace mcrelay::admin {
namespace {

using Json = nlohmann::json;

std::string Quoted(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + "\"";
}

void AddRow(std::initializer_list<std::string_view> cells, std::string* out) {
  bool first = true;
  for (const std::string_view cell : cells) {
    if (!first) *out += ',';
    *out += Quoted(cell);
    first = false;
  }
  *out += "\r\n";
}

// An empty value stands for null.
std::string Text(const Json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// The single values of an object, those of objects within it as `outer.inner`.
void AddFields(const std::string& kind, const std::string& name, const std::string& prefix,
               const Json& object, std::string* out) {
  for (const auto& [field, value] : object.items()) {
    if (field == "name" || field == "address" || value.is_array()) continue;
    if (value.is_object()) {
      AddFields(kind, name, prefix + field + ".", value, out);
    } else {
      AddRow({kind, name, prefix + field, Text(value)}, out);
    }
  }
}

}  // namespace

std::string StatusCsv(const Json& status) {
  std::string out = "kind,name,field,value\r\n";
  for (const std::string kind : {"process", "hit_ratio", "merged_reads", "reload", "stats"}) {
    AddFields(kind, "", "", status.at(kind), &out);
  }
  for (const auto& [list, kind] : {std::pair<const char*, const char*>{"commands", "command"},
                                   {"listeners", "listener"},
                                   {"nodes", "node"}}) {
    for (const Json& entry : status.at(list)) {
      const char* const name = entry.contains("name") ? "name" : "address";
      AddFields(kind, entry.at(name).get<std::string>(), "", entry, &out);
    }
  }
  return out;
}

}  // namespace mcrelay::admin
