#include "daemon/admin/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <utility>
#include <vector>

#include "daemon/admin/process.h"
#include "daemon/admin/utf8.h"
#include "daemon/version.h"

namespace mcrelay::admin {
namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;

class Families {
 public:
  // The following metrics belong to this family.
  void Begin(prometheus::MetricType type, const std::string& name, const std::string& help) {
    families_.push_back({name, help, type, {}});
  }
  void Counter(const std::string& name, const std::string& help) {
    Begin(prometheus::MetricType::Counter, name, help);
  }
  void Gauge(const std::string& name, const std::string& help) {
    Begin(prometheus::MetricType::Gauge, name, help);
  }
  void Add(double value, Labels labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = metric.gauge.value = value;  // the serializer takes the type's
    families_.back().metric.push_back(std::move(metric));
  }
  void Add(prometheus::ClientMetric::Histogram histogram, Labels labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram = std::move(histogram);
    families_.back().metric.push_back(std::move(metric));
  }

  [[nodiscard]] std::string Text() const {
    return prometheus::TextSerializer().Serialize(families_);
  }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

prometheus::ClientMetric::Histogram ToHistogram(const stats::LatencyCounts& counts) {
  prometheus::ClientMetric::Histogram histogram;
  histogram.sample_count = counts.count;
  histogram.sample_sum = static_cast<double>(counts.sum_us) / 1e6;
  for (int doubling = 2; doubling <= stats::LatencyBuckets::kDoublings; ++doubling) {
    const auto us = stats::LatencyBuckets::Limit(doubling * stats::LatencyBuckets::kPerDoubling);
    histogram.bucket.push_back(
        {counts.CountBelowDoubling(doubling), static_cast<double>(us) / 1e6});
  }
  return histogram;
}

// A metric of the exporter that is one value of `stats`.
struct Mapping {
  const char* stat;
  const char* metric;
  prometheus::MetricType type;
  const char* help;
};
constexpr auto kCounter = prometheus::MetricType::Counter;
constexpr auto kGauge = prometheus::MetricType::Gauge;
constexpr std::array<Mapping, 19> kMappings = {{
    {"uptime", "memcached_uptime_seconds", kGauge, "Seconds since the start."},
    {"time", "memcached_time_seconds", kGauge, "Current UNIX time."},
    {"bytes", "memcached_current_bytes", kGauge, "Bytes used to store items."},
    {"limit_maxbytes", "memcached_limit_bytes", kGauge, "Bytes that may be used to store items."},
    {"curr_items", "memcached_current_items", kGauge, "Items stored now."},
    {"total_items", "memcached_items_total", kCounter, "Items stored since the start."},
    {"evictions", "memcached_items_evicted_total", kCounter, "Items removed to free memory."},
    {"reclaimed", "memcached_items_reclaimed_total", kCounter,
     "Expired items whose memory was reused."},
    {"bytes_read", "memcached_read_bytes_total", kCounter, "Bytes read from clients."},
    {"bytes_written", "memcached_written_bytes_total", kCounter, "Bytes written to clients."},
    {"curr_connections", "memcached_current_connections", kGauge, "Open client connections."},
    {"max_connections", "memcached_max_connections", kGauge, "Limit of client connections."},
    {"total_connections", "memcached_connections_total", kCounter, "Client connections accepted."},
    {"rejected_connections", "memcached_connections_rejected_total", kCounter,
     "Client connections refused over the limit."},
    {"conn_yields", "memcached_connections_yielded_total", kCounter,
     "Times a client waited for its own answers in flight."},
    {"listen_disabled_num", "memcached_connections_listener_disabled_total", kCounter,
     "Times no more connections could be accepted."},
    {"accepting_conns", "memcached_accepting_connections", kGauge,
     "1 when clients are accepted, else 0."},
    {"rusage_user", "memcached_process_user_cpu_seconds_total", kCounter,
     "Processor time in user space."},
    {"rusage_system", "memcached_process_system_cpu_seconds_total", kCounter,
     "Processor time in the kernel."},
}};

void AddMemcached(const View& view, Families* families) {
  families->Gauge("memcached_up", "Whether the server answers: 1, or there is no scrape.");
  families->Add(1);
  families->Gauge("memcached_version", "The version that clients are told.");
  families->Add(1, {{"version", MCRELAY_MEMCACHED_VERSION}});
  for (const Mapping& mapping : kMappings) {
    double value = 0;
    if (!StatOf(view, mapping.stat, &value)) continue;
    families->Begin(mapping.type, mapping.metric, mapping.help);
    families->Add(value);
  }
}

// As the exporter: memcached counts cas in cmd_set.
void AddCommands(const View& view, Families* families) {
  families->Counter("memcached_commands_total", "Commands by what became of them.");
  for (const std::string command : {"get", "delete", "incr", "decr", "cas", "touch"}) {
    families->Add(StatOr0(view, command + "_hits"), {{"command", command}, {"status", "hit"}});
    families->Add(StatOr0(view, command + "_misses"), {{"command", command}, {"status", "miss"}});
  }
  const double badval = StatOr0(view, "cas_badval");
  families->Add(badval, {{"command", "cas"}, {"status", "badval"}});
  families->Add(StatOr0(view, "cmd_flush"), {{"command", "flush"}, {"status", "hit"}});
  families->Add(
      StatOr0(view, "cmd_set") - StatOr0(view, "cas_hits") - StatOr0(view, "cas_misses") - badval,
      {{"command", "set"}, {"status", "hit"}});
}

void AddClients(const View& view, Families* families) {
  families->Begin(prometheus::MetricType::Histogram, "mcrelay_command_duration_seconds",
                  "Time from a command's start to its answer, by command; each key of a retrieval "
                  "is one.");
  for (int i = 0; i < stats::kCommands; ++i) {
    const stats::LatencyCounts& counts = view.commands[static_cast<size_t>(i)];
    if (counts.count == 0) continue;
    families->Add(ToHistogram(counts),
                  {{"command", std::string(CommandName(static_cast<stats::Command>(i)))}});
  }
  families->Counter("mcrelay_meta_commands_total", "Meta commands: mg, ms, md, ma, me.");
  families->Add(StatOr0(view, "relay_meta_commands"));
  families->Counter("mcrelay_backend_failed_total", "Commands that a backend gave no answer to.");
  families->Add(StatOr0(view, "relay_backend_failed"));
  families->Counter("mcrelay_retried_reads_total", "Reads asked a second time.");
  families->Add(StatOr0(view, "relay_retried_reads"));
  families->Counter("mcrelay_protocol_errors_total", "Lines of clients answered with an error.");
  families->Add(StatOr0(view, "relay_protocol_errors"));
  families->Counter("mcrelay_store_refused_total", "Values that were not stored, by reason.");
  families->Add(StatOr0(view, "store_too_large"), {{"reason", "too_large"}});
  families->Add(StatOr0(view, "store_no_memory"), {{"reason", "no_memory"}});
  families->Counter("mcrelay_clients_closed_total", "Clients closed for what they did, by reason.");
  families->Add(StatOr0(view, "relay_closed_over_limit"), {{"reason", "unread_answers"}});
  families->Add(StatOr0(view, "relay_closed_idle"), {{"reason", "idle"}});
  families->Counter("mcrelay_auth_total", "Logins of clients.");
  families->Add(StatOr0(view, "auth_cmds") - StatOr0(view, "auth_errors"), {{"status", "ok"}});
  families->Add(StatOr0(view, "auth_errors"), {{"status", "refused"}});
  families->Counter("mcrelay_removals_total",
                    "Failed operations whose old item is hidden until it is removed.");
  families->Add(StatOr0(view, "relay_removals"));
  families->Counter("mcrelay_removal_overflows_total", "Of these, more than the set holds.");
  families->Add(StatOr0(view, "relay_removal_overflows"));
}

void AddMergedReads(const View& view, Families* families) {
  families->Begin(prometheus::MetricType::Histogram, "mcrelay_merged_read_keys",
                  "Keys of the reads that went to a node as one request.");
  prometheus::ClientMetric::Histogram histogram;
  for (size_t i = 0; i < view.merged_reads.size(); ++i) {
    histogram.sample_count += view.merged_reads[i];
    if (i + 1 == view.merged_reads.size()) break;  // the last one has no limit
    histogram.bucket.push_back({histogram.sample_count, static_cast<double>(1u << i)});
  }
  histogram.sample_sum = static_cast<double>(view.merged_keys);
  families->Add(histogram);
}

template <typename Read>
void AddByNode(const View& view, prometheus::MetricType type, const char* name, const char* help,
               const Read& read, Families* families) {
  families->Begin(type, name, help);
  for (const stats::NodeValues& node : view.nodes) {
    families->Add(static_cast<double>(read(node)), {{"node", ValidUtf8(node.name)}});
  }
}

void AddNodes(const View& view, Families* families) {
  using stats::NodeValues;
  AddByNode(
      view, kGauge, "mcrelay_node_up", "1 while the node is used, 0 while it is ejected.",
      [](const NodeValues& node) { return node.up; }, families);
  AddByNode(
      view, kCounter, "mcrelay_node_down_seconds_total",
      "Time for which the node was ejected, the present outage included.",
      [](const NodeValues& node) { return static_cast<double>(node.down_ms) / 1e3; }, families);
  AddByNode(
      view, kGauge, "mcrelay_node_connections", "Connections that are up, one per worker.",
      [](const NodeValues& node) { return node.connections_up; }, families);
  AddByNode(
      view, kGauge, "mcrelay_node_in_flight", "Requests that wait for their reply.",
      [](const NodeValues& node) { return node.in_flight; }, families);
  AddByNode(
      view, kGauge, "mcrelay_node_pending_removals",
      "Keys answered as missing until their old item is removed.",
      [](const NodeValues& node) { return node.pending_removals; }, families);
  AddByNode(
      view, kCounter, "mcrelay_node_requests_total",
      "Requests sent; each key of a merged read counts.",
      [](const NodeValues& node) { return node.requests; }, families);
  AddByNode(
      view, kCounter, "mcrelay_node_connects_total", "Attempts to connect.",
      [](const NodeValues& node) { return node.connects; }, families);
  AddByNode(
      view, kCounter, "mcrelay_node_connection_failures_total",
      "Connections that were lost or not made.",
      [](const NodeValues& node) { return node.failures; }, families);
  AddByNode(
      view, kCounter, "mcrelay_node_timeouts_total",
      "Connections given up because a reply was overdue.",
      [](const NodeValues& node) { return node.timeouts; }, families);
  AddByNode(
      view, kCounter, "mcrelay_node_ejections_total",
      "Times a worker took the node out of service.",
      [](const NodeValues& node) { return node.ejections; }, families);
  AddByNode(
      view, kGauge, "mcrelay_node_items", "Keys in the node's database, as it last said.",
      [](const NodeValues& node) { return node.facts.keys; }, families);
  AddByNode(
      view, kGauge, "mcrelay_node_memory_bytes", "Memory that the node uses.",
      [](const NodeValues& node) { return node.facts.memory_bytes; }, families);
  AddByNode(
      view, kGauge, "mcrelay_node_memory_limit_bytes",
      "maxmemory of the node, else its machine's memory.",
      [](const NodeValues& node) { return node.facts.limit_bytes; }, families);
  AddByNode(
      view, kCounter, "mcrelay_node_evicted_total", "Keys that the node evicted.",
      [](const NodeValues& node) { return node.facts.evicted; }, families);
  families->Counter("mcrelay_node_errors_total", "Error replies, by kind.");
  for (const NodeValues& node : view.nodes) {
    for (const auto& [kind, count] : node.errors) {
      families->Add(static_cast<double>(count),
                    {{"node", ValidUtf8(node.name)}, {"kind", std::string(kind)}});
    }
  }
  families->Begin(prometheus::MetricType::Histogram, "mcrelay_node_round_trip_seconds",
                  "Time from a request to its reply, sampled once per round trip.");
  for (const NodeValues& node : view.nodes) {
    families->Add(ToHistogram(node.round_trips), {{"node", ValidUtf8(node.name)}});
  }
}

void AddDaemon(const View& view, Families* families) {
  families->Gauge("mcrelay_build_info", "1; what is running is in the labels.");
  families->Add(1,
                {{"version", MCRELAY_VERSION}, {"memcached_version", MCRELAY_MEMCACHED_VERSION}});
  families->Gauge("mcrelay_workers", "Worker threads.");
  families->Add(static_cast<double>(view.workers));
  families->Gauge("mcrelay_draining", "1 while the daemon answers what is left and stops.");
  families->Add(view.phase == Phase::kDraining ? 1 : 0);
  families->Gauge("mcrelay_loop_age_seconds",
                  "Time since an event loop turned; an idle one turns once a second.");
  for (const LoopValues& loop : view.loops) {
    families->Add(static_cast<double>(loop.age_ms) / 1e3, {{"loop", loop.name}});
  }
  families->Gauge("mcrelay_listener_open", "1 while the listener accepts clients.");
  for (const ListenerValues& listener : view.listeners) {
    families->Add(listener.open ? 1 : 0, {{"listener", ValidUtf8(listener.address)}});
  }
  families->Counter("mcrelay_listener_accepted_total", "Clients that connected.");
  for (const ListenerValues& listener : view.listeners) {
    families->Add(static_cast<double>(listener.accepted),
                  {{"listener", ValidUtf8(listener.address)}});
  }
  families->Gauge("mcrelay_listener_clients", "Clients that are connected through the listener.");
  for (const ListenerValues& listener : view.listeners) {
    families->Add(static_cast<double>(listener.clients),
                  {{"listener", ValidUtf8(listener.address)}});
  }
  families->Counter("mcrelay_config_reloads_total", "Reloads, by whether they were taken over.");
  families->Add(static_cast<double>(view.reload.taken_over), {{"result", "taken_over"}});
  families->Add(static_cast<double>(view.reload.refused), {{"result", "refused"}});
  families->Gauge("mcrelay_config_last_reload_successful",
                  "1 when the last reload was taken over, or there was none.");
  families->Add(view.reload.last_worked ? 1 : 0);
  families->Gauge("mcrelay_config_last_reload_timestamp_seconds",
                  "When the last reload was tried; the start when there was none.");
  families->Add(static_cast<double>(view.reload.last_unix_ms) / 1e3);
  families->Gauge("mcrelay_config_in_use_timestamp_seconds",
                  "Since when the configuration is in use.");
  families->Add(static_cast<double>(view.reload.in_use_unix_ms) / 1e3);
}

void AddProcess(const View& view, Families* families) {
  families->Gauge("process_start_time_seconds", "When the process started.");
  families->Add(static_cast<double>(view.started_unix_ms) / 1e3);
  families->Gauge("process_resident_memory_bytes", "Memory in use.");
  families->Add(static_cast<double>(ResidentBytes()));
  families->Gauge("process_open_fds", "Open file descriptors.");
  families->Add(static_cast<double>(OpenDescriptors()));
  families->Gauge("process_max_fds", "Limit of open file descriptors.");
  families->Add(static_cast<double>(MostDescriptors()));
}

}  // namespace

std::string MetricsText(const View& view) {
  Families families;
  AddMemcached(view, &families);
  AddCommands(view, &families);
  AddClients(view, &families);
  AddMergedReads(view, &families);
  AddNodes(view, &families);
  AddDaemon(view, &families);
  AddProcess(view, &families);
  return families.Text();
}

}  // namespace mcrelay::admin
