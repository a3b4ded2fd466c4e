#include "daemon/stats/fields.h"

#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "daemon/version.h"

namespace mcrelay::stats {
namespace {

using config::Config;

std::string Text(uint64_t number) { return std::to_string(number); }

template <Counter counter>
std::string Counted(const Sources& sources, const Config&) {
  return Text(Sum(sources, counter));
}

template <uint64_t NodeFacts::*member>
std::string Fact(const Sources& sources, const Config&) {
  return Text(SumFacts(sources).*member);
}

std::string Zero(const Sources&, const Config&) { return "0"; }
std::string One(const Sources&, const Config&) { return "1"; }
std::string Yes(const Sources&, const Config&) { return "yes"; }
std::string No(const Sources&, const Config&) { return "no"; }

template <int RUSAGE_TIME>
std::string Usage(const Sources&, const Config&) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const timeval& time = RUSAGE_TIME == 0 ? usage.ru_utime : usage.ru_stime;
  return fmt::format("{}.{:06}", time.tv_sec, time.tv_usec);
}

template <size_t bucket>
std::string Merged(const Sources& sources, const Config&) {
  return Text(sources.merged[bucket]);
}

std::string Rejected(const Sources& sources, const Config&) {
  return Text(sources.rejected - sources.reset.rejected);
}

std::string Connections(const Sources&, const Config& config) {
  return Text(config.limits.connections);
}

std::string Threads(const Sources& sources, const Config&) { return Text(sources.workers.size()); }

#define COUNTED(name, counter, meaning) \
  Field { name, meaning, Counted<Counter::counter> }
#define NOT_HERE(name) \
  Field { name, "always 0: memcached's own memory, Redis has nothing of the kind", Zero }

const Field kGeneral[] = {
    {"pid", "process id", [](const Sources&, const Config&) { return Text(getpid()); }},
    {"uptime", "seconds since the start",
     [](const Sources& s, const Config&) { return Text(std::time(nullptr) - s.started); }},
    {"time", "Unix time", [](const Sources&, const Config&) { return Text(std::time(nullptr)); }},
    {"version", "as `version`: 1.6., the version of memcached that is followed, and mcrelay's",
     [](const Sources&, const Config&) { return std::string(MCRELAY_MEMCACHED_VERSION); }},
    {"libevent", "`none`: the event loop is libuv",
     [](const Sources&, const Config&) { return std::string("none"); }},
    {"pointer_size", "bits of a pointer",
     [](const Sources&, const Config&) { return Text(sizeof(void*) * 8); }},
    {"rusage_user", "processor time in mcrelay's own code, seconds", Usage<0>},
    {"rusage_system", "processor time in the kernel, seconds", Usage<1>},
    {"max_connections", "limit of client connections (-c)", Connections},
    COUNTED("curr_connections", kCurrConnections, "open client connections"),
    COUNTED("total_connections", kTotalConnections, "client connections accepted"),
    {"rejected_connections", "connections refused over the limit", Rejected},
    COUNTED("connection_structures", kCurrConnections, "as curr_connections: none is kept"),
    COUNTED("cmd_get", kCmdGet, "keys of get and gets, mg without T"),
    COUNTED("cmd_set", kCmdSet, "storage commands, cas included"),
    COUNTED("cmd_flush", kCmdFlush, "flush_all commands"),
    COUNTED("cmd_touch", kCmdTouch, "touch commands, keys of gat and gats, mg with T that hit"),
    COUNTED("cmd_meta", kCmdMeta, "me commands: memcached 1.6.18 counts no other meta command"),
    COUNTED("get_hits", kGetHits, "keys asked for and found"),
    COUNTED("get_misses", kGetMisses, "keys asked for and not found"),
    {"get_expired", "always 0: Redis does not tell an expired key from a missing one", Zero},
    {"get_flushed", "always 0: Redis does not tell a flushed key from a missing one", Zero},
    COUNTED("delete_misses", kDeleteMisses, "deletes of a key that was not there"),
    COUNTED("delete_hits", kDeleteHits, "deletes that removed an item"),
    COUNTED("incr_misses", kIncrMisses, "incr of a key that was not there"),
    COUNTED("incr_hits", kIncrHits, "incr done"),
    COUNTED("decr_misses", kDecrMisses, "decr of a key that was not there"),
    COUNTED("decr_hits", kDecrHits, "decr done"),
    COUNTED("cas_misses", kCasMisses, "cas of a key that was not there"),
    COUNTED("cas_hits", kCasHits, "cas that stored"),
    COUNTED("cas_badval", kCasBadval, "cas with another unique than the item's"),
    COUNTED("touch_hits", kTouchHits, "touched items"),
    COUNTED("touch_misses", kTouchMisses, "touches of a key that was not there"),
    COUNTED("store_too_large", kStoreTooLarge, "values refused for their size"),
    COUNTED("store_no_memory", kStoreNoMemory, "values Redis had no memory for"),
    COUNTED("auth_cmds", kAuthCmds, "authentication attempts"),
    COUNTED("auth_errors", kAuthErrors, "authentication attempts that failed"),
    COUNTED("bytes_read", kBytesRead, "bytes read from clients"),
    COUNTED("bytes_written", kBytesWritten, "bytes written to clients"),
    {"limit_maxbytes",
     "maxmemory of the Redis servers, summed; the machine's memory where there is no limit",
     Fact<&NodeFacts::limit_bytes>},
    {"accepting_conns", "1: clients are accepted", One},
    {"listen_disabled_num", "always 0: over the limit clients are refused, not kept waiting", Zero},
    {"threads", "worker threads", Threads},
    COUNTED("conn_yields", kConnYields, "times a client waited for its answers in flight"),
    NOT_HERE("hash_power_level"),
    NOT_HERE("hash_bytes"),
    NOT_HERE("hash_is_expanding"),
    NOT_HERE("slab_reassign_running"),
    NOT_HERE("slabs_moved"),
    NOT_HERE("lru_crawler_starts"),
    {"bytes", "used_memory of the Redis servers, summed; it is the whole server's",
     Fact<&NodeFacts::memory_bytes>},
    {"curr_items", "keys in the Redis databases (DBSIZE), summed; foreign keys count",
     Fact<&NodeFacts::keys>},
    COUNTED("total_items", kTotalItems, "items stored"),
    NOT_HERE("expired_unfetched"),
    NOT_HERE("evicted_unfetched"),
    NOT_HERE("evicted_active"),
    {"evictions", "evicted_keys of the Redis servers, summed", Fact<&NodeFacts::evicted>},
    {"reclaimed", "expired_keys of the Redis servers, summed", Fact<&NodeFacts::expired>},
    NOT_HERE("crawler_reclaimed"),
    NOT_HERE("crawler_items_checked"),
    NOT_HERE("moves_to_cold"),
    NOT_HERE("moves_to_warm"),
    NOT_HERE("moves_within_lru"),
    NOT_HERE("direct_reclaims"),
    COUNTED("relay_meta_commands", kMetaCommands, "meta commands: mg, ms, md, ma, me"),
    COUNTED("relay_backend_failed", kBackendFailed, "commands a backend gave no answer to"),
    COUNTED("relay_retried_reads", kRetriedReads, "reads asked a second time"),
    COUNTED("relay_protocol_errors", kProtocolErrors, "lines answered with an error"),
    COUNTED("relay_closed_over_limit", kClosedOverLimit, "clients closed for unread answers"),
    COUNTED("relay_closed_idle", kClosedIdle, "clients closed after the idle timeout"),
    COUNTED("relay_removals", kRemovals, "failed operations whose old item was hidden"),
    COUNTED("relay_removal_overflows", kRemovalOverflows, "of these, more than the set holds"),
    COUNTED("relay_diverted", kDiverted, "requests sent again after the topology changed"),
    {"relay_topology_changes", "changes of who serves what since this configuration is in use",
     [](const Sources& s, const Config&) { return Text(s.topology_changes); }},
    {"relay_reads_merged_1", "reads that were sent alone", Merged<0>},
    {"relay_reads_merged_2", "merged reads of 2 keys", Merged<1>},
    {"relay_reads_merged_3_4", "merged reads of 3 or 4 keys", Merged<2>},
    {"relay_reads_merged_5_8", "merged reads of 5 to 8 keys", Merged<3>},
    {"relay_reads_merged_9_16", "merged reads of 9 to 16 keys", Merged<4>},
    {"relay_reads_merged_17_32", "merged reads of 17 to 32 keys", Merged<5>},
    {"relay_reads_merged_33_64", "merged reads of 33 to 64 keys", Merged<6>},
    {"relay_reads_merged_65_up", "merged reads of more keys", Merged<7>},
};

const Field kSettings[] = {
    {"maxbytes", "memory of the embedded store (-m)",
     [](const Sources&, const Config& c) { return Text(c.embedded_memory); }},
    {"maxconns", "limit of client connections (-c)", Connections},
    {"tcpport", "first TCP port of `listen`, 0: none",
     [](const Sources&, const Config& c) {
       for (const config::Address& address : c.listen) {
         if (address.unix_path.empty()) return Text(address.port);
       }
       return std::string("0");
     }},
    {"udpport", "always 0: no UDP", Zero},
    {"inter", "first TCP address of `listen`, `NULL`: none",
     [](const Sources&, const Config& c) {
       for (const config::Address& address : c.listen) {
         if (address.unix_path.empty()) return address.host;
       }
       return std::string("NULL");
     }},
    {"verbosity", "number of -v",
     [](const Sources&, const Config& c) { return Text(c.verbosity); }},
    {"oldest", "always 0", Zero},
    {"evictions", "whether the embedded store evicts (-M)",
     [](const Sources&, const Config& c) {
       return std::string(c.embedded_evictions ? "on" : "off");
     }},
    {"domain_socket", "first Unix socket of `listen`, `NULL`: none",
     [](const Sources&, const Config& c) {
       for (const config::Address& address : c.listen) {
         if (!address.unix_path.empty()) return address.unix_path;
       }
       return std::string("NULL");
     }},
    {"umask", "access mask of Unix sockets, octal (-a)",
     [](const Sources&, const Config& c) { return fmt::format("{:o}", c.unix_mask); }},
    {"shutdown_command", "whether `shutdown` works (-A)",
     [](const Sources&, const Config& c) {
       return std::string(c.shutdown_enabled ? "yes" : "no");
     }},
    {"num_threads", "worker threads (-t)", Threads},
    {"stat_key_prefix", "what ends a prefix in `stats detail` (-D)",
     [](const Sources&, const Config& c) {
       return std::string(1, c.prefix_delimiter == '\0' ? ':' : c.prefix_delimiter);
     }},
    {"cas_enabled", "always yes", Yes},
    {"tcp_backlog", "length of the listen queue (-b)",
     [](const Sources&, const Config& c) { return Text(c.backlog); }},
    {"binding_protocol", "always ascii: the text protocol",
     [](const Sources&, const Config&) { return std::string("ascii"); }},
    {"auth_enabled_sasl", "always no", No},
    {"auth_enabled_ascii", "the authentication file (-Y), `no`: none",
     [](const Sources&, const Config& c) {
       return c.auth_file.empty() ? std::string("no") : c.auth_file;
     }},
    {"item_size_max", "largest item in bytes (-I)",
     [](const Sources&, const Config& c) { return Text(c.limits.item_size); }},
    {"maxconns_fast", "always yes: clients over the limit are told and closed", Yes},
    {"slab_reassign", "always no", No},
    {"slab_automove", "always 0", Zero},
    {"lru_crawler", "always no: Redis expires items itself", No},
    {"lru_crawler_sleep", "always 0", Zero},
    {"lru_crawler_tocrawl", "always 0", Zero},
    {"flush_enabled", "whether flush_all works (-F)",
     [](const Sources&, const Config& c) {
       return std::string(c.flush_all_enabled ? "yes" : "no");
     }},
    {"dump_enabled", "whether keys may be listed (-X)",
     [](const Sources&, const Config& c) { return std::string(c.dumps_enabled ? "yes" : "no"); }},
    {"hash_algorithm", "hash of the placement (`hash`)",
     [](const Sources&, const Config& c) { return c.hash; }},
    {"lru_maintainer_thread", "always no", No},
    {"lru_segmented", "always no", No},
    {"idle_timeout", "seconds until a silent client is closed, 0: never",
     [](const Sources&, const Config& c) { return Text(c.timeouts.idle / 1000); }},
    {"track_sizes", "always no", No},
    {"ssl_enabled", "always no", No},
};

#undef COUNTED
#undef NOT_HERE

constexpr NodeField kNodeFields[] = {
    {"up", "1: the node takes requests, 0: it is ejected and probed",
     [](const NodeReport& node) { return uint64_t{node.up}; }},
    {"primary", "1: as last seen it is a primary, 0: a replica",
     [](const NodeReport& node) { return uint64_t{node.primary}; }},
    {"shard", "number of the set it belongs to, from 0; a replica has its primary's",
     [](const NodeReport& node) { return uint64_t{node.shard}; }},
    {"slots", "slots of a cluster that it serves; 0 elsewhere, and for replicas",
     [](const NodeReport& node) { return uint64_t{node.slots}; }},
    {"connects", "connections begun", [](const NodeReport& node) { return node.connects; }},
    {"failures", "connections lost or not made",
     [](const NodeReport& node) { return node.failures; }},
    {"timeouts", "connections given up because a reply was overdue",
     [](const NodeReport& node) { return node.timeouts; }},
    {"ejections", "times a worker ejected the node",
     [](const NodeReport& node) { return node.ejections; }},
};

}  // namespace

std::span<const Field> GeneralFields() { return kGeneral; }
std::span<const Field> SettingsFields() { return kSettings; }
std::span<const NodeField> NodeFields() { return kNodeFields; }

std::string SafeName(std::string_view name) {
  std::string safe(name);
  std::replace_if(
      safe.begin(), safe.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '.'; }, '_');
  return safe;
}

uint64_t Sum(const Sources& sources, Counter counter) {
  uint64_t sum = 0;
  for (const Counters* counters : sources.workers) sum += counters->Get(counter);
  return sum - sources.reset.counters[static_cast<size_t>(counter)];
}

Reset ResetAt(const Sources& now) {
  Reset reset;
  for (size_t i = 0; i < kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    if (counter == Counter::kCurrConnections) continue;  // a level, not a count
    for (const Counters* counters : now.workers) reset.counters[i] += counters->Get(counter);
  }
  reset.rejected = now.rejected;
  for (const NodeReport& node : now.nodes) {
    reset.evicted += node.facts.evicted;
    reset.expired += node.facts.expired;
  }
  return reset;
}

NodeFacts SumFacts(const Sources& sources) {
  NodeFacts sum;
  for (const NodeReport& node : sources.nodes) {
    sum.keys += node.facts.keys;
    sum.memory_bytes += node.facts.memory_bytes;
    sum.limit_bytes += node.facts.limit_bytes;
    sum.evicted += node.facts.evicted;
    sum.expired += node.facts.expired;
  }
  // A server that was started anew counts from zero.
  sum.evicted -= std::min(sum.evicted, sources.reset.evicted);
  sum.expired -= std::min(sum.expired, sources.reset.expired);
  return sum;
}

}  // namespace mcrelay::stats
