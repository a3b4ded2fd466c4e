#include "daemon/admin/page.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "daemon/admin/format.h"

namespace mcrelay::admin {
namespace {

using Json = nlohmann::json;

// The charts' measures and drawing are those of assets/status.js.
constexpr double kWidth = 120;
constexpr double kHeight = 38;
constexpr double kLabel = 12;  // at the top
constexpr size_t kPoints = 300;

class Page {
 public:
  explicit Page(const Json& status) : status_(status) {}
  [[nodiscard]] std::string Make();

 private:
  template <typename... Args>
  void Write(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  [[nodiscard]] const Json& At(const std::string& path) const {
    return status_.at(Json::json_pointer(path));
  }
  // An element that shows a field, and that the script updates.
  [[nodiscard]] std::string Value(std::string_view element, const std::string& path, Format format,
                                  std::string_view attributes = "") const;
  [[nodiscard]] std::string Cell(const std::string& path, Format format) const {
    return Value("td", path, format);
  }
  [[nodiscard]] std::string Chart(const std::vector<std::string>& lines, Format format) const;

  void Head();
  void Header();
  void Tile(std::string_view title, const std::string& content);
  void Tiles();
  void Commands();
  void Nodes();
  void Listeners();
  void Events();
  void Configuration();

  const Json& status_;
  std::string out_;
};

std::string Page::Value(std::string_view element, const std::string& path, Format format,
                        std::string_view attributes) const {
  return fmt::format(R"(<{0}{1} data-v="{2}" data-f="{3}">{4}</{0}>)", element, attributes, path,
                     FormatName(format), Escape(Show(At(path), format)));
}

std::string Path(const Json& values, double most) {
  std::string path;
  bool open = false;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].is_null()) {
      open = false;
      continue;
    }
    const double steps_to_go = static_cast<double>(values.size() - 1 - i);
    const double x = kWidth - steps_to_go * kWidth / (kPoints - 1);
    const double share = most > 0 ? values[i].get<double>() / most : 0;
    path += fmt::format("{}{:.1f} {:.1f}{}", open ? "L" : "M", x,
                        kHeight - 1 - share * (kHeight - kLabel - 2), open ? "" : "h.1");
    open = true;
  }
  return path;
}

std::string Page::Chart(const std::vector<std::string>& lines, Format format) const {
  double most = 0;
  std::string names;
  for (const std::string& line : lines) {
    names += (names.empty() ? "" : " ") + line;
    for (const Json& value : At(line)) {
      if (!value.is_null()) most = std::max(most, value.get<double>());
    }
  }
  std::string paths;
  for (size_t i = 0; i < lines.size(); ++i) {
    paths += fmt::format(R"(<path class="line{}" d="{}"/>)", i, Path(At(lines[i]), most));
  }
  return fmt::format(R"(<svg width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" )"
                     R"(aria-label="the last 15 minutes" data-lines="{2}" data-f="{3}">{4})"
                     R"(<text x="1" y="8">{5}</text></svg>)",
                     kWidth, kHeight, names, FormatName(format), paths, Escape(Show(most, format)));
}

void Page::Head() {
  Write(R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mcrelay {}</title>
<noscript><meta http-equiv="refresh" content="10"></noscript>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="status.css">
<script src="status.js" defer></script>
</head>
<body data-shape="{}">
)",
        Escape(At("/process/state").get<std::string>()), Escape(At("/shape").get<std::string>()));
}

void Page::Header() {
  const std::string state = At("/process/state");
  Write(R"(<header><h1>mcrelay</h1>{}<p>version <b>{}</b></p><p>pid <b>{}</b></p>)",
        Value("span", "/process/state", Format::kText, " class=\"pill " + state + "\""),
        Escape(At("/process/version").get<std::string>()), At("/process/pid").get<int>());
  Write("<p>up {}</p>", Value("b", "/process/uptime_seconds", Format::kSpan));
  Write("<p>workers <b>{}</b></p>", At("/process/workers").get<int>());
  Write("<p>configuration since {} UTC</p>", Value("b", "/reload/in_use_unix_ms", Format::kTime));
  Write("<p>last reload {}</p>", Value("b", "/reload/last_worked", Format::kWorked));
  Write("</header>\n<p id=\"lost\" hidden>mcrelay does not answer: what you see is old.</p>\n");
}

void Page::Tile(std::string_view title, const std::string& content) {
  Write("<div><dt>{}</dt><dd>{}</dd></div>\n", title, content);
}

void Page::Tiles() {
  Write("<dl class=\"tiles\">\n");
  Tile("Hits now", Value("span", "/hit_ratio/now", Format::kPercent));
  Tile("Hits, 1 min", Value("span", "/hit_ratio/1m", Format::kPercent));
  Tile("15 min " + Value("b", "/hit_ratio/15m", Format::kPercent),
       Chart({"/hit_ratio/history"}, Format::kPercent));
  Tile("Commands/s", Value("span", "/process/commands_per_second", Format::kRate));
  Tile("Clients", Value("span", "/process/clients", Format::kCount) + " <small>of " +
                      Value("span", "/process/most_clients", Format::kCount) + "</small>");
  Tile("CPU (1 core)", Value("span", "/process/cpu_share", Format::kPercent));
  Tile("Memory", Value("span", "/process/memory_bytes", Format::kBytes));
  Tile("Keys per read", Value("span", "/merged_reads/keys_per_read", Format::kRate));
  Tile("Without answer", Value("span", "/process/backend_failed", Format::kCount));
  Write("</dl>\n");
}

void Page::Commands() {
  Write(R"(<h2>Commands <small>charts: the last 15 minutes; percentiles of the last 3 seconds,
and since the start</small></h2>
<div class="card"><table><thead><tr><th>command</th><th>total</th><th>per second</th>
<th>rate</th><th><span class="key0">p50</span></th><th><span class="key1">p99</span></th>
<th>latency <small><span class="key0">p50</span> <span class="key1">p99</span></small></th>
<th>p50 <small>all</small></th><th>p99 <small>all</small></th><th>p99.9 <small>all</small></th>
</tr></thead><tbody>
)");
  for (size_t i = 0; i < At("/commands").size(); ++i) {
    const std::string at = "/commands/" + std::to_string(i);
    Write("<tr><th>{}</th>{}{}<td>{}</td>", Escape(At(at + "/name").get<std::string>()),
          Cell(at + "/count", Format::kCount), Cell(at + "/now/per_second", Format::kRate),
          Chart({at + "/history/per_second"}, Format::kRate));
    Write("{}{}<td>{}</td>", Cell(at + "/now/p50_us", Format::kUs),
          Cell(at + "/now/p99_us", Format::kUs),
          Chart({at + "/history/p50_us", at + "/history/p99_us"}, Format::kUs));
    Write("{}{}{}</tr>\n", Cell(at + "/p50_us", Format::kUs), Cell(at + "/p99_us", Format::kUs),
          Cell(at + "/p999_us", Format::kUs));
  }
  if (At("/commands").empty()) {
    Write("<tr><td colspan=\"10\" class=\"dim\">no command yet</td></tr>\n");
  }
  Write("</tbody></table></div>\n");
}

void Page::Nodes() {
  Write(R"(<h2>Nodes</h2>
<div class="card nodes"><table><thead><tr><th>node</th><th class="left">state</th><th>since</th>
<th>downtime</th>)");
  const bool roles = At("/nodes_have_roles").get<bool>();
  if (roles) Write(R"(<th class="left">role</th><th class="left">shard</th><th>slots</th>)");
  Write(R"(<th>links</th>
<th>in flight</th><th>requests</th><th>/s</th><th>rate</th><th>p50</th><th>p99</th>
<th>items</th><th>memory</th><th>lost</th><th>timeouts</th><th>ejections</th><th>to remove</th>
<th class="left">errors</th></tr></thead><tbody>
)");
  for (size_t i = 0; i < At("/nodes").size(); ++i) {
    const std::string at = "/nodes/" + std::to_string(i);
    Write(R"(<tr class="{}" data-state="{}/state"><th title="{}">{}</th>)",
          At(at + "/state").get<std::string>(), at, Escape(At(at + "/location").get<std::string>()),
          Escape(At(at + "/name").get<std::string>()));
    Write("{}{}{}", Value("td", at + "/state", Format::kText, " class=\"state\""),
          Cell(at + "/state_seconds", Format::kSpan), Cell(at + "/down_seconds", Format::kSpan));
    if (roles) {
      Write("{}{}{}", Value("td", at + "/role", Format::kText, " class=\"left\""),
            Value("td", at + "/shard", Format::kText, " class=\"left\""),
            Cell(at + "/slots", Format::kCount));
    }
    Write("<td>{} of {}</td>{}{}{}<td>{}</td>", Value("span", at + "/connections", Format::kCount),
          At(at + "/most_connections").get<int>(), Cell(at + "/in_flight", Format::kCount),
          Cell(at + "/requests", Format::kCount), Cell(at + "/per_second", Format::kRate),
          Chart({at + "/history/per_second"}, Format::kRate));
    Write("{}{}{}{}{}{}{}{}{}</tr>\n", Cell(at + "/p50_us", Format::kUs),
          Cell(at + "/p99_us", Format::kUs), Cell(at + "/items", Format::kCount),
          Cell(at + "/memory_bytes", Format::kBytes), Cell(at + "/failures", Format::kCount),
          Cell(at + "/timeouts", Format::kCount), Cell(at + "/ejections", Format::kCount),
          Cell(at + "/pending_removals", Format::kCount),
          Value("td", at + "/errors_by_kind", Format::kKinds, " class=\"left\""));
  }
  Write("</tbody></table></div>\n");
}

void Page::Listeners() {
  Write(R"(<h2>Listeners</h2>
<div class="card"><table><thead><tr><th>address</th><th class="left">state</th>
<th>clients now</th><th>clients accepted</th></tr></thead><tbody>
)");
  for (size_t i = 0; i < At("/listeners").size(); ++i) {
    const std::string at = "/listeners/" + std::to_string(i);
    Write(R"(<tr class="{}" data-state="{}/state"><th>{}</th>{}{}{}</tr>)"
          "\n",
          At(at + "/state").get<std::string>(), at, Escape(At(at + "/address").get<std::string>()),
          Value("td", at + "/state", Format::kText, " class=\"state\""),
          Cell(at + "/clients", Format::kCount), Cell(at + "/accepted", Format::kCount));
  }
  Write("<tr><th class=\"dim\">refused over the limit</th><td></td><td></td>{}</tr>\n",
        Cell("/process/clients_refused", Format::kCount));
  Write("</tbody></table></div>\n");
}

void Page::Events() {
  Write(R"(<h2>Recent events <small>UTC, newest first</small></h2>
<div class="card events"><table><thead><tr><th>time</th><th class="left">level</th>
<th class="left">event</th><th class="left">message</th></tr></thead><tbody id="events">
)");
  for (const Json& event : At("/events")) {
    const std::string level = event["level"];
    Write("<tr class=\"{0}\"><td>{1}</td><td>{0}</td><td>{2}</td><td>{3}</td></tr>\n", level,
          Show(event["unix_ms"], Format::kTime), Escape(event["event"].get<std::string>()),
          Escape(event["message"].get<std::string>()));
  }
  Write("</tbody></table></div>\n");
}

void Page::Configuration() {
  Write(R"(<h2>Configuration</h2>
<details class="card"><summary>what is in effect, and where each value is from</summary>
<pre>{}</pre></details>
)",
        Escape(At("/configuration").get<std::string>()));
}

std::string Page::Make() {
  Head();
  Header();
  Tiles();
  Commands();
  Nodes();
  Listeners();
  Events();
  Configuration();
  Write(R"(<footer><a href="metrics">/metrics</a> · <a href="stats.json">/stats.json</a> ·
<a href="stats.csv">/stats.csv</a> ·
<a href="healthz">/healthz</a> · <a href="readyz">/readyz</a></footer>
</body>
</html>
)");
  return std::move(out_);
}

}  // namespace

std::string PageHtml(const Json& status) { return Page(status).Make(); }

}  // namespace mcrelay::admin
