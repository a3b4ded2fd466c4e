// Config is everything an operator can set, after flags, environment, file and defaults were
// merged.
//
// Plain data, immutable once loaded; a reload makes a new one. Durations are milliseconds, sizes
// bytes. Every key, its default and its meaning: config/schema.cc and docs/configuration.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mcrelay::config {

// Where a listener listens.
struct Address {
  std::string text;  // as written, for messages
  std::string host;  // IP address or name; empty for a Unix socket
  uint16_t port = 0;
  std::string unix_path;  // empty for TCP

  // The same place, however it was written.
  bool operator==(const Address& other) const {
    return host == other.host && port == other.port && unix_path == other.unix_path;
  }
};

// One Redis server: contract of the strings in docs/configuration.md, "Backend locations".
struct Backend {
  std::string location;   // as written, secrets masked
  std::string name;       // in statistics and logs; never a secret
  std::string ring_name;  // what placement hashes; with django-redis the location as written, so it
                          // may hold a password: never print it
  std::string host;
  uint16_t port = 6379;
  std::string unix_path;  // empty for TCP
  int db = 0;
  std::string username;  // from the location, else Config::username
  std::string password;
  uint32_t weight = 1;
  bool named = false;  // `name` was given, not derived from the location

  bool operator==(const Backend&) const = default;
};

// One entry of `shards`: servers that replicate, or a set that Sentinels manage.
struct Shard {
  std::string name;  // what placement hashes, and the set's name in statistics and logs
  uint32_t weight = 1;
  std::vector<Backend> backends;   // all servers of a replicated set
  std::string service;             // else the Sentinels' name of the set
  std::vector<Address> sentinels;  // empty: Config::sentinels

  bool operator==(const Shard&) const = default;
};

enum class Topology : uint8_t { kSingle, kShard, kReplica, kSentinel, kCluster };
enum class ReadFrom : uint8_t { kPrimary, kReplica, kNearest, kAny };
enum class ValueFormat : uint8_t { kTagged, kPlain };
enum class OnError : uint8_t { kMiss, kError };
enum class FlushAll : uint8_t { kAuto, kFlushDb, kPrefix, kDeny };
enum class OnOverflow : uint8_t { kFlush, kMiss, kLog };
enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : uint8_t { kText, kJson };

struct Config {
  std::vector<Address> listen;  // TCP and Unix sockets
  uint32_t unix_mask = 0700;    // memcached's -a: access mask of the Unix socket
  uint32_t threads = 0;         // 0: one per usable core (resolved by the loader, so never 0 after)

  std::vector<Backend> backends;  // empty, as `shards`: embedded
  std::vector<Shard> shards;      // several replicated sets, with the keys spread over them
  std::string username;           // for backends whose location has none
  std::string password;
  std::string password_file;  // where `password` was read from
  bool embedded = false;
  uint64_t embedded_memory = 64ull << 20;  // -m
  bool embedded_evictions = true;          // -M clears it

  Topology topology = Topology::kSingle;
  std::string distribution = "ketama";
  std::string hash = "fnv1a_64";
  std::string hash_tag;
  std::string key_prefix;
  ValueFormat value_format = ValueFormat::kTagged;
  OnError on_error_read = OnError::kMiss;
  OnError on_error_write = OnError::kMiss;
  OnError on_error_delete = OnError::kMiss;
  FlushAll flush_all = FlushAll::kAuto;

  struct {
    uint32_t connect = 250;
    uint32_t request = 250;
    uint32_t idle = 0;      // client idle timeout (-o idle_timeout is in seconds); 0: never
    uint32_t drain = 5000;  // SIGTERM to exit at the latest
  } timeouts;

  struct {
    uint32_t connections = 1024;   // -c
    uint64_t item_size = 1 << 20;  // -I
    uint64_t line = 2048;
    uint64_t get_line = 2 << 20;
    uint32_t in_flight = 1024;             // answers in flight per client
    uint64_t client_output = 32ull << 20;  // unread answers per client before it is closed
    uint32_t node_in_flight = 65536;       // requests in flight per connection to a node
    uint64_t node_output = 64ull << 20;    // unsent bytes per connection to a node
    uint32_t merge_keys = 64;              // keys of one merged MGET
    uint64_t merge_bytes = 256 << 10;      // expected bytes of one merged MGET's reply
    uint32_t pending_removals = 100000;    // per node
  } limits;

  struct {
    uint32_t failures = 3;     // failures in a row that eject a node
    uint32_t overdue = 1;      // overdue requests in a row until a handshake must succeed first
    uint32_t probe_min = 50;   // first wait before a down node is tried again
    uint32_t probe_max = 500;  // longest wait
  } health;
  OnOverflow on_overflow = OnOverflow::kFlush;

  struct {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kText;
    std::string file;  // empty: stderr
  } log;

  bool flush_all_enabled = true;  // -F clears it
  bool dumps_enabled = true;      // -X clears it
  bool shutdown_enabled = false;  // -A
  std::string auth_file;          // -Y
  std::string user;               // -u
  std::string pid_file;           // -P
  bool daemonize = false;         // -d
  bool lock_memory = false;       // -k
  bool core_dumps = false;        // -r
  uint32_t backlog = 1024;        // -b
  int verbosity = 0;              // number of -v
  char prefix_delimiter = '\0';   // -D: counts by prefix from the start; '\0': not given

  std::vector<Address> sentinels;
  std::string service;
  std::string sentinel_username;
  std::string sentinel_password;
  ReadFrom read_from = ReadFrom::kPrimary;
  std::optional<Address> raw_listen;
  std::optional<Address> admin;

  std::string port_file;    // MEMCACHED_PORT_FILENAME: where to write the ports in use
  std::string bound_file;   // where to write for --health what we listen on; empty: nowhere
  std::string config_file;  // --config; empty: none
  std::string effective;    // what --print-config shows; no secret in it
  std::vector<std::string>
      warnings;  // to be logged once at start: ignored flags, a password in argv ...
};

}  // namespace mcrelay::config
