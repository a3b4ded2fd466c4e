#include "daemon/admin/status.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "daemon/admin/process.h"
#include "daemon/admin/utf8.h"
#include "daemon/version.h"

namespace mcrelay::admin {
namespace {

using Json = nlohmann::json;

constexpr int kNowSeconds = History::kStepSeconds;

// Charts and tables need no more than four digits.
double Short(double value) {
  if (value == 0) return 0;
  const double scale = std::pow(10, 3 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

Json OrNull(double value, bool known) { return known ? Json(Short(value)) : Json(); }

const char* PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kStarting:
      return "starting";
    case Phase::kServing:
      return "serving";
    case Phase::kDraining:
      return "draining";
  }
  return "";
}

Json Process(const View& view, const History& history) {
  const History::Sample* last = history.samples().empty() ? nullptr : &history.samples().back();
  return {{"version", MCRELAY_VERSION},
          {"pid", getpid()},
          {"state", IsAlive(view) ? PhaseName(view.phase) : "hanging"},
          {"started_unix_ms", view.started_unix_ms},
          {"uptime_seconds", std::max<int64_t>(0, view.unix_ms - view.started_unix_ms) / 1000},
          {"workers", view.workers},
          {"cpu_share", OrNull(last == nullptr ? 0 : last->cpu_share, last != nullptr)},
          {"memory_bytes", ResidentBytes()},
          {"open_files", OpenDescriptors()},
          {"most_files", MostDescriptors()},
          {"clients", StatOr0(view, "curr_connections")},
          {"most_clients", StatOr0(view, "max_connections")},
          {"clients_accepted", StatOr0(view, "total_connections")},
          {"clients_refused", StatOr0(view, "rejected_connections")},
          {"commands_per_second",
           OrNull(last == nullptr ? 0 : last->commands_per_second, last != nullptr)},
          {"backend_failed", StatOr0(view, "relay_backend_failed")}};
}

Json HitRatio(const View& view, const History& history) {
  const auto of = [&](int seconds) {
    const double ratio = history.HitRatio(view, seconds);
    return ratio < 0 ? Json() : Json(std::round(ratio * 10000) / 10000);
  };
  Json steps = Json::array();
  for (const double ratio : history.HitRatios()) {
    steps.push_back(OrNull(std::round(ratio * 10000) / 10000, ratio >= 0));
  }
  return {{"now", of(kNowSeconds)}, {"1m", of(60)}, {"15m", of(15 * 60)}, {"history", steps}};
}

Json Command(const View& view, const History& history, size_t index) {
  const stats::LatencyCounts& counts = view.commands[index];
  Json rates = Json::array();
  Json p50 = Json::array();
  Json p99 = Json::array();
  for (const History::Sample& sample : history.samples()) {
    const History::CommandSample& command = sample.commands[index];
    rates.push_back(Short(command.per_second));
    p50.push_back(OrNull(command.p50_us, command.p50_us > 0));
    p99.push_back(OrNull(command.p99_us, command.p99_us > 0));
  }
  Json now = {{"per_second", nullptr}, {"p50_us", nullptr}, {"p99_us", nullptr}};
  if (!rates.empty()) {
    now = {{"per_second", rates.back()}, {"p50_us", p50.back()}, {"p99_us", p99.back()}};
  }
  return {{"name", CommandName(static_cast<stats::Command>(index))},
          {"count", counts.count},
          {"now", now},
          {"p50_us", Short(counts.Percentile(0.5))},
          {"p99_us", Short(counts.Percentile(0.99))},
          {"p999_us", Short(counts.Percentile(0.999))},
          {"history", {{"per_second", rates}, {"p50_us", p50}, {"p99_us", p99}}}};
}

Json Commands(const View& view, const History& history) {
  Json commands = Json::array();
  for (size_t i = 0; i < view.commands.size(); ++i) {
    if (view.commands[i].count > 0) commands.push_back(Command(view, history, i));
  }
  return commands;
}

Json Listeners(const View& view) {
  Json listeners = Json::array();
  for (const ListenerValues& listener : view.listeners) {
    listeners.push_back({{"address", ValidUtf8(listener.address)},
                         {"state", listener.open ? "open" : "closed"},
                         {"accepted", listener.accepted},
                         {"clients", listener.clients}});
  }
  return listeners;
}

const char* NodeState(const stats::NodeValues& node, uint64_t workers) {
  if (!node.up) return "down";
  return node.connections_up < workers ? "partly" : "up";
}

Json Node(const View& view, const History& history, size_t index) {
  const stats::NodeValues& node = view.nodes[index];
  Json errors = Json::object();
  uint64_t all = 0;
  for (const auto& [kind, count] : node.errors) {
    all += count;
    if (count > 0) errors[std::string(kind)] = count;
  }
  Json rates = Json::array();
  for (const History::Sample& sample : history.samples()) {
    const auto& of = sample.node_requests_per_second;
    rates.push_back(index < of.size() ? Short(of[index]) : 0);
  }
  const bool measured = node.round_trips.count > 0;
  return {{"name", ValidUtf8(node.name)},
          {"location", ValidUtf8(node.location)},
          {"state", NodeState(node, view.workers)},
          {"state_seconds", node.state_ms > 0 ? Json(node.state_ms / 1000) : Json()},
          {"down_seconds", node.down_ms / 1000},
          {"role", node.primary ? "primary" : "replica"},
          {"shard", ValidUtf8(node.shard)},
          {"slots", node.slots},
          {"connections", node.connections_up},
          {"most_connections", view.workers},
          {"in_flight", node.in_flight},
          {"requests", node.requests},
          {"per_second", rates.empty() ? Json() : rates.back()},
          {"history", {{"per_second", rates}}},
          {"p50_us", OrNull(node.round_trips.Percentile(0.5), measured)},
          {"p99_us", OrNull(node.round_trips.Percentile(0.99), measured)},
          {"connects", node.connects},
          {"failures", node.failures},
          {"timeouts", node.timeouts},
          {"ejections", node.ejections},
          {"pending_removals", node.pending_removals},
          {"items", node.facts.keys},
          {"memory_bytes", node.facts.memory_bytes},
          {"evicted", node.facts.evicted},
          {"errors", all},
          {"errors_by_kind", errors}};
}

Json Events(const View& view) {
  constexpr std::array<const char*, 4> kLevels = {"debug", "info", "warning", "error"};
  Json events = Json::array();
  for (auto event = view.events.rbegin(); event != view.events.rend(); ++event) {
    events.push_back({{"unix_ms", event->unix_ms},
                      {"level", kLevels[static_cast<size_t>(event->level)]},
                      {"event", event->event},
                      {"message", ValidUtf8(event->message)}});
  }
  return events;
}

Json MergedReads(const View& view) {
  uint64_t reads = 0;
  for (const uint64_t count : view.merged_reads) reads += count;
  return {{"reads", reads},
          {"keys", view.merged_keys},
          {"keys_per_read", OrNull(static_cast<double>(view.merged_keys) /
                                       static_cast<double>(std::max<uint64_t>(reads, 1)),
                                   reads > 0)}};
}

// Whether a node's role, shard and slots tell more than its name does.
bool HasRoles(const View& view) {
  return std::any_of(view.nodes.begin(), view.nodes.end(), [](const stats::NodeValues& node) {
    return !node.primary || node.slots > 0 || node.shard != node.name;
  });
}

// What has rows or columns of its own: when it changes, the page is to be made anew.
Json Shape(const Json& status) {
  std::string shape = std::to_string(status["reload"]["in_use_unix_ms"].get<int64_t>());
  if (status["nodes_have_roles"].get<bool>()) shape += "|roles";
  for (const char* const list : {"commands", "listeners", "nodes"}) {
    for (const Json& entry : status[list]) {
      shape += "|" + entry.value(list == std::string("listeners") ? "address" : "name", "");
    }
  }
  return shape;
}

}  // namespace

Json Status(const View& view, const History& history) {
  Json stats = Json::object();
  for (const auto& [name, value] : view.stats) stats[name] = value;
  Json nodes = Json::array();
  for (size_t i = 0; i < view.nodes.size(); ++i) nodes.push_back(Node(view, history, i));
  Json status = {{"unix_ms", view.unix_ms},
                 {"step_seconds", History::kStepSeconds},
                 {"process", Process(view, history)},
                 {"hit_ratio", HitRatio(view, history)},
                 {"commands", Commands(view, history)},
                 {"merged_reads", MergedReads(view)},
                 {"listeners", Listeners(view)},
                 {"nodes", nodes},
                 {"nodes_have_roles", HasRoles(view)},
                 {"reload",
                  {{"last_worked", view.reload.last_worked},
                   {"taken_over", view.reload.taken_over},
                   {"refused", view.reload.refused},
                   {"last_unix_ms", view.reload.last_unix_ms},
                   {"in_use_unix_ms", view.reload.in_use_unix_ms}}},
                 {"events", Events(view)},
                 {"configuration", ValidUtf8(view.configuration)},
                 {"stats", stats}};
  status["shape"] = Shape(status);
  return status;
}

}  // namespace mcrelay::admin
