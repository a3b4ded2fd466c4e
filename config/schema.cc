#include "config/schema.h"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "config/text.h"

namespace mcrelay::config {
namespace {

constexpr uint64_t kKilo = 1024;
constexpr uint64_t kMega = kKilo * kKilo;
constexpr uint64_t kGiga = kMega * kKilo;
constexpr uint64_t kSecond = 1000;  // durations are milliseconds
constexpr uint64_t kMinute = 60 * kSecond;
constexpr uint64_t kDay = 24 * 60 * kMinute;

constexpr bool kNotBuilt = false;

template <typename Member>
void Store(Member& member, const Value& value) {
  if constexpr (std::is_same_v<Member, std::string>) {
    member = value.text;
  } else if constexpr (std::is_same_v<Member, std::vector<Address>>) {
    member = value.addresses;
  } else if constexpr (std::is_same_v<Member, std::optional<Address>>) {
    member.reset();
    if (!value.addresses.empty()) member = value.addresses.front();
  } else if constexpr (std::is_same_v<Member, std::vector<Backend>>) {
    member = value.backends;
  } else if constexpr (std::is_same_v<Member, std::vector<Shard>>) {
    member = value.shards;
  } else {
    member = static_cast<Member>(value.number);
  }
}

template <typename Member>
Value Fetch(const Member& member) {
  Value value;
  if constexpr (std::is_same_v<Member, std::string>) {
    value.text = member;
  } else if constexpr (std::is_same_v<Member, std::vector<Address>>) {
    value.addresses = member;
  } else if constexpr (std::is_same_v<Member, std::optional<Address>>) {
    if (member) value.addresses.push_back(*member);
  } else if constexpr (std::is_same_v<Member, std::vector<Backend>>) {
    value.backends = member;
  } else if constexpr (std::is_same_v<Member, std::vector<Shard>>) {
    value.shards = member;
  } else {
    value.number = static_cast<uint64_t>(member);
  }
  return value;
}

// `access` returns a reference to the member, const or not.
template <typename Access>
Field At(Access access) {
  return {[access](Config& config, const Value& value) { Store(access(config), value); },
          [access](const Config& config) { return Fetch(access(config)); }};
}

Syntax Text(std::string_view initial = "") { return {Type::kText, initial}; }
Syntax Count(std::string_view initial, uint64_t min, uint64_t max) {
  return {Type::kCount, initial, min, max};
}
Syntax Size(std::string_view initial, uint64_t min, uint64_t max) {
  return {Type::kSize, initial, min, max};
}
Syntax Duration(std::string_view initial, uint64_t min, uint64_t max) {
  return {Type::kDuration, initial, min, max};
}
Syntax Switch(std::string_view initial) { return {Type::kSwitch, initial}; }
// The order of the words is the order of the enumeration in config.h.
Syntax OneOf(std::string_view initial, std::vector<Word> words) {
  return {Type::kWord, initial, 0, 0, std::move(words)};
}
Syntax MissOrError() { return OneOf("miss", {{"miss"}, {"error"}}); }
Syntax Reserved() { return {Type::kReserved}; }

#define MEMBER(name) At([](auto& config) -> auto& { return config.name; })

std::vector<Key> ListenRows() {
  return {
      {"listen",
       {Type::kAddresses, "127.0.0.1:11211"},
       Reload::kRestart,
       "addresses to listen on: host:port, [v6]:port, * or unix:/path",
       MEMBER(listen)},
      {"unix_mask",
       {Type::kOctal, "0700", 0, 0777},
       Reload::kRestart,
       "access mask of the Unix socket, in octal",
       MEMBER(unix_mask)},
      {"backlog", Count("1024", 1, 65535), Reload::kRestart, "connections that wait to be accepted",
       MEMBER(backlog)},
      {"threads",
       {Type::kCount, "auto", 1, 512, {{"auto"}}},
       Reload::kRestart,
       "worker threads; auto is one per core that may be used",
       MEMBER(threads)},
  };
}

std::vector<Key> BackendRows() {
  return {
      {"backends",
       {Type::kBackends, ""},
       Reload::kLive,
       "Redis servers; none starts a private one",
       MEMBER(backends)},
      {"backends[].location", Text(), Reload::kLive,
       "where the server is: host:port:db, unix:/path:db, redis://..."},
      {"backends[].name", Text(), Reload::kLive,
       "the node's name in the ring, statistics and logs; default from the location"},
      {"backends[].weight", Count("1", 1, 1000), Reload::kLive,
       "share of the keys relative to the other nodes"},
      {"topology", OneOf("single", {{"single"}, {"shard"}, {"replica"}, {"sentinel"}, {"cluster"}}),
       Reload::kLive, "how the backends work together; default: shard with several, else single",
       MEMBER(topology)},
      {"distribution", OneOf("ketama", {{"ketama"}, {"modula"}, {"rendezvous"}, {"django-redis"}}),
       Reload::kLive, "how keys are spread over shards", MEMBER(distribution)},
      {"hash",
       OneOf("fnv1a_64", {{"fnv1a_64"},
                          {"fnv1a_32"},
                          {"fnv1_64"},
                          {"fnv1_32"},
                          {"md5"},
                          {"crc16"},
                          {"crc32"},
                          {"crc32a"},
                          {"murmur"},
                          {"jenkins"},
                          {"hsieh"},
                          {"one_at_a_time"}}),
       Reload::kLive, "hash of the key", MEMBER(hash)},
      {"hash_tag", Text(), Reload::kLive, "two characters; only what stands between them is hashed",
       MEMBER(hash_tag)},
      {"key_prefix", Text(), Reload::kLive, "put before every key in Redis", MEMBER(key_prefix)},
      {"username", Text(), Reload::kLive, "Redis user of backends that name none",
       MEMBER(username)},
      {"password",
       {Type::kSecret, ""},
       Reload::kLive,
       "Redis password of backends that have none",
       MEMBER(password)},
      {"password_file", Text(), Reload::kLive, "file that holds the password instead",
       MEMBER(password_file)},
      {"sentinels",
       {Type::kAddresses, ""},
       Reload::kLive,
       "Sentinels to ask for the primary, with topology sentinel",
       MEMBER(sentinels)},
      {"service", Text(), Reload::kLive, "the Sentinels' name of the replicated set",
       MEMBER(service)},
      {"sentinel_username", Text(), Reload::kLive, "user of the Sentinels, when they have one",
       MEMBER(sentinel_username)},
      {"sentinel_password",
       {Type::kSecret, ""},
       Reload::kLive,
       "password of the Sentinels",
       MEMBER(sentinel_password)},
      {"read_from", OneOf("primary", {{"primary"}, {"replica"}, {"nearest"}, {"any"}}),
       Reload::kLive, "which servers of a replicated set answer plain reads", MEMBER(read_from)},
  };
}

std::vector<Key> ShardRows() {
  return {
      {"shards",
       {Type::kShards, ""},
       Reload::kLive,
       "several replicated sets, with the keys spread over them",
       MEMBER(shards)},
      {"shards[].name", Text(), Reload::kLive,
       "the set's name in the ring, statistics and logs; default: the service"},
      {"shards[].backends",
       {Type::kBackends, ""},
       Reload::kLive,
       "all servers of a set that replicates"},
      {"shards[].service", Text(), Reload::kLive, "the Sentinels' name of the set, instead"},
      {"shards[].sentinels",
       {Type::kAddresses, ""},
       Reload::kLive,
       "its Sentinels; default: those of the configuration"},
      {"shards[].weight", Count("1", 1, 1000), Reload::kLive,
       "share of the keys relative to the other sets"},
  };
}

std::vector<Key> BehaviourRows() {
  return {
      {"value_format", OneOf("tagged", {{"tagged"}, {"plain"}}), Reload::kLive,
       "how items are written in Redis; both are always read", MEMBER(value_format)},
      {"on_error",
       {Type::kGroup, "miss", 0, 0, {{"miss"}, {"error"}}},
       Reload::kLive,
       "the same answer for all three kinds of command"},
      {"on_error.read", MissOrError(), Reload::kLive,
       "answer of get gets gat gats mg when the backend fails", MEMBER(on_error_read)},
      {"on_error.write", MissOrError(), Reload::kLive, "answer of writes when the backend fails",
       MEMBER(on_error_write)},
      {"on_error.delete", MissOrError(), Reload::kLive,
       "answer of delete and md when the backend fails", MEMBER(on_error_delete)},
      {"on_overflow", OneOf("flush", {{"flush"}, {"miss"}, {"log"}}), Reload::kLive,
       "what happens when a node has too many pending removals", MEMBER(on_overflow)},
      {"flush_all", OneOf("auto", {{"auto"}, {"flushdb"}, {"prefix"}, {"deny"}}), Reload::kLive,
       "what flush_all does; auto: prefix with a key_prefix, else flushdb", MEMBER(flush_all)},
      {"timeouts.connect", Duration("250ms", 1, 10 * kMinute), Reload::kLive,
       "longest wait for a connection to a node", MEMBER(timeouts.connect)},
      {"timeouts.request", Duration("250ms", 1, 10 * kMinute), Reload::kLive,
       "longest wait for an answer of a node", MEMBER(timeouts.request)},
      {"timeouts.idle", Duration("0", 0, 30 * kDay), Reload::kLive,
       "closes a client that sends nothing for so long; 0 never", MEMBER(timeouts.idle)},
      {"timeouts.drain", Duration("5s", 0, 60 * kMinute), Reload::kLive,
       "longest wait for answers in flight when stopping", MEMBER(timeouts.drain)},
      {"health.failures", Count("3", 1, 1000), Reload::kLive,
       "failures in a row that take a node out", MEMBER(health.failures)},
      {"health.overdue", Count("1", 1, 1000), Reload::kLive,
       "overdue requests in a row that take a slow node out", MEMBER(health.overdue)},
      {"health.probe_min", Duration("50ms", 10, kMinute), Reload::kLive,
       "first wait before a node that is down is tried again", MEMBER(health.probe_min)},
      {"health.probe_max", Duration("500ms", 10, 10 * kMinute), Reload::kLive, "longest such wait",
       MEMBER(health.probe_max)},
  };
}

std::vector<Key> LimitRows() {
  return {
      {"limits.connections", Count("1024", 1, 1'000'000), Reload::kLive, "client connections",
       MEMBER(limits.connections)},
      {"limits.item_size", Size("1mb", kKilo, kGiga), Reload::kLive,
       "largest item, counted as memcached does", MEMBER(limits.item_size)},
      {"limits.line", Size("2k", kKilo, kMega), Reload::kLive, "longest command line",
       MEMBER(limits.line)},
      {"limits.get_line", Size("2mb", 2 * kKilo, 64 * kMega), Reload::kLive,
       "longest line of get and gets", MEMBER(limits.get_line)},
      {"limits.in_flight", Count("1024", 1, 65'535), Reload::kLive, "answers in flight per client",
       MEMBER(limits.in_flight)},
      {"limits.client_output", Size("32mb", 64 * kKilo, 16 * kGiga), Reload::kLive,
       "unread answers per client before it is closed; at least 16 times item_size by default",
       MEMBER(limits.client_output)},
      {"limits.node_in_flight", Count("65536", 1, 10'000'000), Reload::kLive,
       "requests in flight per connection to a node", MEMBER(limits.node_in_flight)},
      {"limits.node_output", Size("64mb", 64 * kKilo, 16 * kGiga), Reload::kLive,
       "unsent bytes per connection to a node; at least 16 times item_size by default",
       MEMBER(limits.node_output)},
      {"limits.merge_keys", Count("64", 1, 10'000), Reload::kLive,
       "keys of one merged read; 1 merges nothing", MEMBER(limits.merge_keys)},
      {"limits.merge_bytes", Size("256k", kKilo, 64 * kMega), Reload::kLive,
       "expected bytes of one merged read's answer", MEMBER(limits.merge_bytes)},
      {"limits.pending_removals", Count("100000", 1, 100'000'000), Reload::kLive,
       "keys per node that wait to be removed after a failure", MEMBER(limits.pending_removals)},
  };
}

std::vector<Key> DaemonRows() {
  return {
      {"embedded.memory", Size("64mb", kMega, 1024 * kGiga), Reload::kLive,
       "maxmemory of the private Redis server", MEMBER(embedded_memory)},
      {"embedded.evictions", Switch("true"), Reload::kRestart,
       "evict when its memory is full, or answer out of memory", MEMBER(embedded_evictions)},
      {"commands.dump", Switch("true"), Reload::kLive, "allow commands that list keys",
       MEMBER(dumps_enabled)},
      {"commands.shutdown", Switch("false"), Reload::kLive, "allow shutdown",
       MEMBER(shutdown_enabled)},
      {"auth_file", Text(), Reload::kLive, "user:password lines for memcached's ASCII login",
       MEMBER(auth_file)},
      {"admin",
       {Type::kAddress, ""},
       Reload::kRestart,
       "address of the HTTP server for metrics, health and the status page; empty: none",
       MEMBER(admin)},
      {"raw_listen",
       {Type::kAddress, ""},
       Reload::kRestart,
       "address for direct access to the Redis server, topology single only; empty: none",
       MEMBER(raw_listen)},
      {"log.level", OneOf("info", {{"debug"}, {"info"}, {"warning"}, {"error"}}), Reload::kLive,
       "least important message to log", MEMBER(log.level)},
      {"log.format", OneOf("text", {{"text"}, {"json"}}), Reload::kRestart,
       "how a message is written", MEMBER(log.format)},
      {"log.file", Text(), Reload::kRestart, "file to log to; empty is stderr", MEMBER(log.file)},
      {"user", Text(), Reload::kRestart, "user to become when started as root", MEMBER(user)},
      {"pid_file", Text(), Reload::kRestart, "file to write the process number to",
       MEMBER(pid_file)},
      {"daemonize", Switch("false"), Reload::kRestart, "run in the background", MEMBER(daemonize)},
      {"lock_memory", Switch("false"), Reload::kRestart, "lock all memory pages",
       MEMBER(lock_memory)},
      {"core_dumps", Switch("false"), Reload::kRestart, "raise the limit of core files",
       MEMBER(core_dumps)},
  };
}

std::vector<Key> PlannedRows() {
  return {
      {"pools", Reserved(), Reload::kLive, "several pools", {}, kNotBuilt},
      {"routes", Reserved(), Reload::kLive, "key prefixes to pools", {}, kNotBuilt},
      {"tls", Reserved(), Reload::kLive, "encrypted connections", {}, kNotBuilt},
      {"near_cache", Reserved(), Reload::kLive, "a small cache in the process", {}, kNotBuilt},
      {"compression", Reserved(), Reload::kLive, "compressed values", {}, kNotBuilt},
  };
}

#undef MEMBER

}  // namespace

bool Value::SameAs(const Value& other) const {
  return number == other.number && text == other.text && addresses == other.addresses &&
         backends == other.backends && shards == other.shards;
}

const std::vector<Key>& Schema() {
  static const std::vector<Key> rows = [] {
    std::vector<Key> all;
    for (auto* part :
         {ListenRows, BackendRows, ShardRows, BehaviourRows, LimitRows, DaemonRows, PlannedRows}) {
      for (Key& key : part()) all.push_back(std::move(key));
    }
    return all;
  }();
  return rows;
}

const Key* FindKey(std::string_view name) {
  const auto& rows = Schema();
  const auto at =
      std::find_if(rows.begin(), rows.end(), [&](const Key& k) { return k.name == name; });
  return at == rows.end() ? nullptr : &*at;
}

bool IsSection(std::string_view name) {
  const std::string prefix = std::string(name) + ".";
  return std::any_of(Schema().begin(), Schema().end(),
                     [&](const Key& key) { return key.name.starts_with(prefix); });
}

std::vector<std::string_view> NamesIn(std::string_view section) {
  const std::string prefix = section.empty() ? "" : std::string(section) + ".";
  std::vector<std::string_view> names;
  for (const Key& key : Schema()) {
    if (!key.name.starts_with(prefix) || (prefix.empty() && key.IsEntry())) continue;
    const std::string_view rest = key.name.substr(prefix.size());
    const std::string_view name = rest.substr(0, rest.find('.'));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string EnvironmentName(const Key& key) {
  std::string name = "MCRELAY_" + ToUpper(key.name);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

}  // namespace mcrelay::config
