#include "bench/generator/report.h"

#include <cstdarg>
#include <cstdio>

namespace mcrelay::bench {
namespace {

__attribute__((format(printf, 1, 2))) std::string Format(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

double CpuUs(const Result& result, size_t i) {
  if (i >= result.before.process_ns.size() || i >= result.after.process_ns.size()) return 0;
  return static_cast<double>(result.after.process_ns[i] - result.before.process_ns[i]) / 1000;
}

Counters::Count Counted(const Result& result, size_t i) {
  if (i >= result.before.counts.size() || i >= result.after.counts.size()) return {};
  const Counters::Count& before = result.before.counts[i];
  const Counters::Count& after = result.after.counts[i];
  return {after.cycles - before.cycles, after.instructions - before.instructions};
}

double PerRequest(const Result& result, double amount) {
  return result.requests == 0 ? 0 : amount / static_cast<double>(result.requests);
}

double Us(int64_t ns) { return static_cast<double>(ns) / 1000; }

// Keys are plain here, but a server's error text is not ours.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted += byte < 0x20 || byte >= 0x7f ? Format("\\u%04x", byte) : std::string(1, c);
  }
  return quoted + "\"";
}

}  // namespace

std::string TextReport(const Options& options, const Result& result) {
  std::string text;
  if (!result.failure.empty()) text += "FAILED: " + result.failure + "\n";
  text += Format("%.0f requests/s, %llu requests in %.2f s\n",
                 static_cast<double>(result.requests) / (result.seconds > 0 ? result.seconds : 1),
                 static_cast<unsigned long long>(result.requests), result.seconds);
  text += Format("latency us: p50 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n",
                 Us(result.latency.Percentile(0.5)), Us(result.latency.Percentile(0.99)),
                 Us(result.latency.Percentile(0.999)), Us(result.latency.max()));
  text += Format("answers: %llu hits, %llu misses, %llu stored, %llu errors%s%s\n",
                 static_cast<unsigned long long>(result.answers.hits),
                 static_cast<unsigned long long>(result.answers.misses),
                 static_cast<unsigned long long>(result.answers.stored),
                 static_cast<unsigned long long>(result.answers.errors),
                 result.answers.first_error.empty() ? "" : ", the first: ",
                 result.answers.first_error.c_str());
  for (size_t i = 0; i < options.watched.size(); ++i) {
    const Counters::Count count = Counted(result, i);
    text += Format("CPU of %s per request: %.3f us, %.0f cycles, %.0f instructions\n",
                   options.watched[i].name.c_str(), PerRequest(result, CpuUs(result, i)),
                   PerRequest(result, static_cast<double>(count.cycles)),
                   PerRequest(result, static_cast<double>(count.instructions)));
  }
  return text;
}

std::string JsonReport(const Options& options, const Result& result) {
  std::string json =
      Format(R"({"failure": %s, "seconds": %.6f, "requests": %llu, "per_second": %.1f, )",
             result.failure.empty() ? "null" : Quoted(result.failure).c_str(), result.seconds,
             static_cast<unsigned long long>(result.requests),
             static_cast<double>(result.requests) / (result.seconds > 0 ? result.seconds : 1));
  json += Format(R"("latency_us": {"p50": %.3f, "p99": %.3f, "p999": %.3f, "max": %.3f}, )",
                 Us(result.latency.Percentile(0.5)), Us(result.latency.Percentile(0.99)),
                 Us(result.latency.Percentile(0.999)), Us(result.latency.max()));
  json += Format(R"("hits": %llu, "misses": %llu, "stored": %llu, "errors": %llu, )",
                 static_cast<unsigned long long>(result.answers.hits),
                 static_cast<unsigned long long>(result.answers.misses),
                 static_cast<unsigned long long>(result.answers.stored),
                 static_cast<unsigned long long>(result.answers.errors));
  json += "\"first_error\": " + Quoted(result.answers.first_error) + ", \"cpu_us\": {";
  for (size_t i = 0; i < options.watched.size(); ++i) {
    json += Format(R"(%s%s: %.3f)", i > 0 ? ", " : "", Quoted(options.watched[i].name).c_str(),
                   CpuUs(result, i));
  }
  json += "}, \"counts\": {";
  for (size_t i = 0; i < options.watched.size(); ++i) {
    json += Format(R"(%s%s: {"cycles": %lld, "instructions": %lld})", i > 0 ? ", " : "",
                   Quoted(options.watched[i].name).c_str(),
                   static_cast<long long>(Counted(result, i).cycles),
                   static_cast<long long>(Counted(result, i).instructions));
  }
  json += Format(R"(}, "own_cpu_us": %.3f, "cores": {)",
                 Us(result.after.own_ns - result.before.own_ns));
  for (size_t i = 0; i < result.after.cores.size() && i < result.before.cores.size(); ++i) {
    json += Format(
        R"(%s"%d": {"busy_ms": %lld, "steal_ms": %lld})", i > 0 ? ", " : "",
        options.watched_cpus[i],
        static_cast<long long>(result.after.cores[i].busy_ms - result.before.cores[i].busy_ms),
        static_cast<long long>(result.after.cores[i].steal_ms - result.before.cores[i].steal_ms));
  }
  return json + "}}\n";
}

}  // namespace mcrelay::bench
