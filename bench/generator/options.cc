#include "bench/generator/options.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>

namespace mcrelay::bench {
namespace {

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "mcrelay_bench: %s (--help lists the options)\n", why.c_str());
  std::exit(2);  // NOLINT(concurrency-mt-unsafe): no other thread exists
}

double Number(const std::string& name, const std::string& text, double least) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= least)) {
    Fail("--" + name + " wants a number, found '" + text + "'");
  }
  return value;
}

uint32_t Whole(const std::string& name, const std::string& text, uint32_t least) {
  const double value = Number(name, text, least);
  if (value > 4294967295.0 || value != static_cast<double>(static_cast<uint32_t>(value))) {
    Fail("--" + name + " wants a whole number, found '" + text + "'");
  }
  return static_cast<uint32_t>(value);
}

// "N" or "A<separator>B"; one number stands for both.
void Pair(const std::string& name, const std::string& text, char separator, uint32_t least,
          uint32_t* first, uint32_t* second) {
  const size_t at = text.find(separator);
  *first = Whole(name, text.substr(0, at), least);
  *second = at == std::string::npos ? *first : Whole(name, text.substr(at + 1), least);
}

struct Option {
  const char* name;
  const char* argument;  // null: a switch
  const char* help;
  std::function<void(Options*, const std::string&)> set;
};

const std::vector<Option>& Table() {
  static const std::vector<Option> table = {
      {"protocol", "P", "memcached (default) or redis",
       [](Options* o, const std::string& v) {
         if (v != "memcached" && v != "redis") Fail("--protocol is memcached or redis");
         o->protocol = v == "redis" ? Protocol::kRedis : Protocol::kMemcached;
       }},
      {"host", "IP", "default 127.0.0.1", [](Options* o, const std::string& v) { o->host = v; }},
      {"port", "N", "default 11211",
       [](Options* o, const std::string& v) {
         o->port = static_cast<uint16_t>(Whole("port", v, 1));
       }},
      {"unix", "PATH", "connect to a Unix socket",
       [](Options* o, const std::string& v) { o->unix_path = v; }},
      {"connections", "N", "default 50",
       [](Options* o, const std::string& v) { o->connections = Whole("connections", v, 1); }},
      {"depth", "N", "requests in flight per connection, default 1",
       [](Options* o, const std::string& v) { o->depth = Whole("depth", v, 1); }},
      {"rate", "R", "requests per second in all; latency then counts from the due time",
       [](Options* o, const std::string& v) { o->rate = Number("rate", v, 0); }},
      {"warmup", "S", "seconds before measuring, default 0.3",
       [](Options* o, const std::string& v) { o->warmup_s = Number("warmup", v, 0); }},
      {"seconds", "S", "seconds measured, default 2",
       [](Options* o, const std::string& v) { o->seconds = Number("seconds", v, 0); }},
      {"requests", "N", "instead: this many requests, all of them counted",
       [](Options* o, const std::string& v) { o->requests = Whole("requests", v, 1); }},
      {"keys", "N", "default 100000",
       [](Options* o, const std::string& v) { o->keys = Whole("keys", v, 1); }},
      {"prefix", "TEXT",
       "of the keys, default bench:", [](Options* o, const std::string& v) { o->prefix = v; }},
      {"zipf", "S", "keys by Zipf's law with this exponent below 1 (0.99), default 0: uniform",
       [](Options* o, const std::string& v) { o->zipf = Number("zipf", v, 0); }},
      {"ratio", "S:G", "sets to gets, default 1:9",
       [](Options* o, const std::string& v) { Pair("ratio", v, ':', 0, &o->sets, &o->gets); }},
      {"multi", "N[-M]", "keys of one get, default 1",
       [](Options* o, const std::string& v) {
         Pair("multi", v, '-', 1, &o->multi_min, &o->multi_max);
       }},
      {"value", "N[-M]", "bytes of a value, default 100",
       [](Options* o, const std::string& v) {
         Pair("value", v, '-', 1, &o->value_min, &o->value_max);
       }},
      {"seed", "N", "default 1",
       [](Options* o, const std::string& v) { o->seed = Whole("seed", v, 0); }},
      {"preload", nullptr, "store every key first",
       [](Options* o, const std::string&) { o->preload = true; }},
      {"allow-misses", nullptr, "a miss is not an error",
       [](Options* o, const std::string&) { o->allow_misses = true; }},
      {"hold", nullptr, "then print 'holding' and keep the connections until standard input ends",
       [](Options* o, const std::string&) { o->hold = true; }},
      {"cpu", "N", "run on this core only",
       [](Options* o, const std::string& v) { o->cpu = static_cast<int>(Whole("cpu", v, 0)); }},
      {"pid", "NAME=PID", "report this process's CPU time (repeatable)",
       [](Options* o, const std::string& v) {
         const size_t at = v.find('=');
         if (at == std::string::npos) Fail("--pid wants NAME=PID");
         o->watched.push_back(
             {v.substr(0, at), static_cast<pid_t>(Whole("pid", v.substr(at + 1), 1))});
       }},
      {"count", nullptr,
       "also the cycles and instructions of --pid; it makes switches between them slower",
       [](Options* o, const std::string&) { o->count = true; }},
      {"watch-cpu", "N", "report how busy this core was (repeatable)",
       [](Options* o, const std::string& v) {
         o->watched_cpus.push_back(static_cast<int>(Whole("watch-cpu", v, 0)));
       }},
      {"json", nullptr, "report as one line of JSON",
       [](Options* o, const std::string&) { o->json = true; }},
  };
  return table;
}

[[noreturn]] void Help() {
  std::printf(
      "Usage: mcrelay_bench [--OPTION [VALUE]]...\n"
      "Sends gets and sets to a memcached or Redis server, checks every reply, reports.\n\n");
  for (const Option& option : Table()) {
    const std::string left = std::string("--") + option.name +
                             (option.argument ? std::string(" ") + option.argument : "");
    std::printf("  %-18s %s\n", left.c_str(), option.help);
  }
  std::exit(0);  // NOLINT(concurrency-mt-unsafe): no other thread exists
}

}  // namespace

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--help" || word == "-h") Help();
    const Option* found = nullptr;
    for (const Option& option : Table()) {
      if (word.starts_with("--") && word.substr(2) == option.name) found = &option;
    }
    if (found == nullptr) Fail("no such option: " + std::string(word));
    if (found->argument != nullptr && ++i == argc) Fail(std::string(word) + " wants a value");
    found->set(&options, found->argument != nullptr ? argv[i] : "");
  }
  if (options.sets + options.gets == 0) Fail("--ratio 0:0 asks for nothing");
  if (options.multi_min > options.multi_max) Fail("--multi wants the smaller number first");
  if (options.value_min > options.value_max) Fail("--value wants the smaller number first");
  if (options.zipf >= 1) Fail("--zipf wants an exponent below 1");
  if (options.seconds == 0 && options.requests == 0) Fail("--seconds 0 needs --requests");
  return options;
}

}  // namespace mcrelay::bench
