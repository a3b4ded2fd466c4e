// Options of the load generator: what mcrelay_bench is asked to send, to whom, and for how long.
//
// Plain data, made once from argv by main; durations in the unit their names say.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <string>
#include <vector>

namespace mcrelay::bench {

enum class Protocol : uint8_t { kMemcached, kRedis };

// A process whose CPU time and memory are reported under `name`.
struct WatchedProcess {
  std::string name;
  pid_t pid = 0;
};

struct Options {
  Protocol protocol = Protocol::kMemcached;
  std::string host = "127.0.0.1";
  uint16_t port = 11211;
  std::string unix_path;  // instead of host and port

  uint32_t connections = 50;
  uint32_t depth = 1;  // requests in flight per connection (closed loop)
  double rate = 0;     // requests per second; above 0: open loop, latency counts from the due time
  double warmup_s = 0.3;  // not counted
  double seconds = 2;     // measured; 0: until `requests` are answered
  uint64_t requests = 0;  // stop after that many, without a warm-up

  uint32_t keys = 100000;
  std::string prefix = "bench:";
  double zipf = 0;    // exponent, 0: uniform; 0.99 is YCSB's
  uint32_t sets = 1;  // sets : gets
  uint32_t gets = 9;
  uint32_t multi_min = 1;  // keys of one get
  uint32_t multi_max = 1;
  uint32_t value_min = 100;  // bytes; a key's size never changes
  uint32_t value_max = 100;
  uint64_t seed = 1;

  bool preload = false;       // store every key first
  bool allow_misses = false;  // else a miss is an error
  bool hold = false;          // keep the connections open until standard input ends
  int cpu = -1;               // run on that core only
  std::vector<WatchedProcess> watched;
  bool count = false;  // their cycles and instructions too
  std::vector<int> watched_cpus;
  bool json = false;
};

// Exits with status 2 and a message on a wrong option, with 0 after --help.
[[nodiscard]] Options ParseOptions(int argc, char** argv);

}  // namespace mcrelay::bench
