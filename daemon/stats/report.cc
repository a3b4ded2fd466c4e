#include "daemon/stats/report.h"

#include <spdlog/fmt/fmt.h>

namespace mcrelay::stats {
namespace {

class Lines {
 public:
  template <typename Value>
  void Add(std::string_view name, const Value& value) {
    text_ += fmt::format("STAT {} {}\r\n", name, value);
  }
  void Add(std::span<const Field> fields, const Sources& sources, const config::Config& config) {
    for (const Field& field : fields) Add(field.name, field.value(sources, config));
  }
  [[nodiscard]] std::string End() { return std::move(text_) + "END\r\n"; }

 private:
  std::string text_;
};

std::string General(const Sources& sources, const config::Config& config) {
  Lines lines;
  lines.Add(GeneralFields(), sources, config);
  for (const NodeReport& node : sources.nodes) {
    const std::string prefix = "relay_node_" + SafeName(node.name) + "_";
    for (const NodeField& field : NodeFields()) {
      lines.Add(prefix + std::string(field.suffix), field.value(node));
    }
    for (const auto& [kind, count] : node.errors) {
      lines.Add(prefix + "errors_" + std::string(kind), count);
    }
  }
  return lines.End();
}

}  // namespace

// Only the first word counts, as in memcached.
std::string Report(std::string_view args, const Sources& sources, const config::Config& config) {
  const std::string_view word = args.substr(0, args.find(' '));
  if (word.empty()) return General(sources, config);
  if (word == "settings") {
    Lines lines;
    lines.Add(SettingsFields(), sources, config);
    return lines.End();
  }
  // Every item is Redis's: there are no slabs and no classes to tell of.
  if (word == "items" || word == "extstore") return Lines().End();
  if (word == "slabs") return "STAT active_slabs 0\r\nSTAT total_malloced 0\r\nEND\r\n";
  if (word == "sizes") return "STAT sizes_status disabled\r\nEND\r\n";
  if (word == "sizes_enable" || word == "sizes_disable") return "STAT sizes_status disabled\r\n";
  return {};
}

}  // namespace mcrelay::stats
