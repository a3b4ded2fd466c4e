#include "daemon/stats/report.h"

#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/version.h"

namespace mcrelay::stats {
namespace {

class Lines {
 public:
  template <typename Value>
  void Add(std::string_view name, const Value& value) {
    text_ += fmt::format("STAT {} {}\r\n", name, value);
  }
  [[nodiscard]] std::string End() { return std::move(text_) + "END\r\n"; }

 private:
  std::string text_;
};

std::string Seconds(const timeval& time) {
  return fmt::format("{}.{:06}", time.tv_sec, time.tv_usec);
}

void AddProcess(const Sources& sources, Lines* lines) {
  const std::time_t now = std::time(nullptr);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  lines->Add("pid", getpid());
  lines->Add("uptime", now - sources.started);
  lines->Add("time", now);
  lines->Add("version", MCRELAY_MEMCACHED_VERSION);
  lines->Add("pointer_size", sizeof(void*) * 8);
  lines->Add("rusage_user", Seconds(usage.ru_utime));
  lines->Add("rusage_system", Seconds(usage.ru_stime));
}

std::string General(const Sources& sources, const config::Config& config) {
  Lines lines;
  AddProcess(sources, &lines);
  lines.Add("max_connections", config.limits.connections);
  for (const CounterInfo& info : AllCounters()) {
    uint64_t sum = info.counter == Counter::kRejectedConnections ? sources.rejected : 0;
    for (const Counters* counters : sources.workers) sum += counters->Get(info.counter);
    lines.Add(info.name, sum);
  }
  lines.Add("threads", sources.workers.size());
  for (const auto& [name, value] : sources.extra) lines.Add(name, value);
  return lines.End();
}

std::string Settings(const config::Config& config) {
  Lines lines;
  lines.Add("maxbytes", config.embedded_memory);
  lines.Add("maxconns", config.limits.connections);
  lines.Add("num_threads", config.threads);
  lines.Add("item_size_max", config.limits.item_size);
  lines.Add("verbosity", config.verbosity);
  lines.Add("flush_enabled", config.flush_all_enabled ? "yes" : "no");
  return lines.End();
}

}  // namespace

std::string Report(std::string_view args, const Sources& sources, const config::Config& config) {
  if (args.empty()) return General(sources, config);
  if (args == "settings") return Settings(config);
  if (args == "items" || args == "slabs") return Lines().End();
  if (args == "sizes") return "STAT sizes_status disabled\r\nEND\r\n";
  if (args == "reset") return "RESET\r\n";
  return {};
}

}  // namespace mcrelay::stats
