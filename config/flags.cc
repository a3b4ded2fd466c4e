#include "config/flags.h"

#include <algorithm>

#include "config/schema.h"

namespace mcrelay::config {
namespace {

constexpr size_t kHelpColumn = 34;

std::string FlagColumn(const Flag& flag) {
  std::string out = "  ";
  out += flag.HasLetter() ? std::string("-") + static_cast<char>(flag.code) : "    ";
  if (!flag.name.empty()) out += (flag.HasLetter() ? ", --" : "--") + std::string(flag.name);
  if (flag.argument.starts_with('<')) out += flag.name.empty() ? " " : "=";
  return out + std::string(flag.argument);
}

std::string Row(std::string left, std::string_view right) {
  if (left.size() + 1 > kHelpColumn) {
    left += "\n" + std::string(kHelpColumn, ' ');
  } else {
    left.resize(kHelpColumn, ' ');
  }
  return left + std::string(right) + "\n";
}

std::string FlagRows(const std::string& title, bool (*belongs)(const Flag&)) {
  std::string out = "\n" + title + "\n";
  for (const Flag& flag : Flags()) {
    if (!belongs(flag)) continue;
    const Key* key = FindKey(flag.key);
    const bool built = key == nullptr || key->built;
    out += Row(FlagColumn(flag), std::string(flag.help) + (built ? "" : " (not built yet)"));
  }
  return out;
}

std::string KeyRows() {
  std::string out =
      "\nKeys of the configuration file. The environment sets MCRELAY_ and the name in capitals, "
      "with\n"
      "_ for the dot: MCRELAY_TIMEOUTS_CONNECT=1s. Lists are separated by commas there.\n";
  for (const Key& key : Schema()) {
    if (!key.built || !key.IsSetting()) continue;
    std::string help(key.help);
    if (!key.syntax.initial.empty()) help += " (" + std::string(key.syntax.initial) + ")";
    out += Row("  " + std::string(key.name), help);
  }
  return out;
}

std::string WordRows() {
  std::string out = "\nWords of -o that are accepted without effect\n ";
  size_t column = 1;
  for (const ExtendedOption& word : ExtendedOptions()) {
    if (word.honoured) continue;
    if (column + word.name.size() + 1 > 96) {
      out += "\n ";
      column = 1;
    }
    out += " " + std::string(word.name);
    column += word.name.size() + 1;
  }
  return out + "\n";
}

}  // namespace

const std::vector<Flag>& Flags() {
  using enum FlagKind;
  static const std::vector<Flag> flags = {
      {'p', "port", "<num>", kSpecial, "listen", "",
       "TCP port (default 11211); 0 no TCP, -1 any free port"},
      {'l', "listen", "<addr>", kSpecial, "listen", "",
       "addresses, comma separated, each optionally with :port (default 127.0.0.1)"},
      {'s', "unix-socket", "<file>", kSpecial, "listen", "",
       "Unix socket to listen on; alone it replaces TCP"},
      {'a', "unix-mask", "<mask>", kKey, "unix_mask", "",
       "access mask for the Unix socket, in octal (default 700)"},
      {'t', "threads", "<num>", kKey, "threads", "",
       "worker threads (default: one per core that may be used)"},
      {'c', "conn-limit", "<num>", kKey, "limits.connections", "",
       "client connections (default 1024)"},
      {'b', "listen-backlog", "<num>", kKey, "backlog", "",
       "connections that wait to be accepted (default 1024)"},
      {'m', "memory-limit", "<num>", kSpecial, "embedded.memory", "",
       "megabytes for the private Redis server (default 64)"},
      {'M', "disable-evictions", "", kKey, "embedded.evictions", "false",
       "answer out of memory instead of evicting (private Redis server)"},
      {'I', "max-item-size", "<num>", kKey, "limits.item_size", "",
       "largest item, with suffix k or m (default 1m, from 1k to 1024m)"},
      {'F', "disable-flush-all", "", kKey, "flush_all", "deny", "disable flush_all"},
      {'X', "disable-dumping", "", kKey, "commands.dump", "false",
       "disable the commands that list keys"},
      {'W', "disable-watch", "", kSpecial, "", "", "disable watch; it is refused in any case"},
      {'A', "enable-shutdown", "", kKey, "commands.shutdown", "true", "enable shutdown"},
      {'Y', "auth-file", "<file>", kKey, "auth_file", "",
       "ASCII authentication: lines of user:password"},
      {'D', "", "<char>", kSpecial, "", "",
       "what ends a key's prefix in stats detail, which this switches on (default :)"},
      {'B', "protocol", "<name>", kSpecial, "", "", "ascii or auto; there is no binary protocol"},
      {'U', "udp-port", "<num>", kSpecial, "", "", "only 0: there is no UDP"},
      {'o', "extended", "<words>", kSpecial, "timeouts.idle", "",
       "idle_timeout=<seconds>, maxconns_fast; other words below"},
      {'d', "daemon", "", kKey, "daemonize", "true", "run in the background"},
      {'u', "user", "<user>", kKey, "user", "", "user to become when started as root"},
      {'P', "pidfile", "<file>", kKey, "pid_file", "", "file to write the process number to"},
      {'k', "lock-memory", "", kKey, "lock_memory", "true", "lock all memory pages"},
      {'r', "enable-coredumps", "", kKey, "core_dumps", "true", "raise the limit of core files"},
      {'v', "verbose", "", kSpecial, "log.level", "", "log more; -vv and -vvv: debug messages"},
      {'h', "help", "", kSpecial, "", "", "this text"},
      {'i', "license", "", kSpecial, "", "", "the licence"},
      {'V', "version", "", kSpecial, "", "", "the version"},
      {kConfigFlag, "config", "<file>", kSpecial, "", "",
       "configuration file (YAML); none is read unless named"},
      {kBackendFlag, "backend", "<location>", kSpecial, "backends", "",
       "Redis server: host:port:db, unix:/path:db, redis://...; repeat to shard"},
      {kCheckFlag, "check-config", "", kSpecial, "", "", "check the configuration and exit"},
      {kPrintFlag, "print-config", "", kSpecial, "", "",
       "print the effective configuration with the origin of each value, and exit"},
      {kHealthFlag, "health", "[=<addr>]", kSpecial, "", "",
       "ask a running daemon for its version; exits 0 or 1"},
      {'f', "slab-growth-factor", "<num>", kIgnored, "", "", "slab sizes"},
      {'n', "slab-min-size", "<bytes>", kIgnored, "", "", "slab sizes"},
      {'L', "enable-largepages", "", kIgnored, "", "", "large memory pages"},
      {'R', "max-reqs-per-event", "<num>", kIgnored, "", "", "requests per event"},
      {'C', "disable-cas", "", kIgnored, "", "", "items without CAS unique"},
      {'e', "memory-file", "<file>", kIgnored, "", "", "memory file"},
      {'N', "napi_ids", "<num>", kIgnored, "", "", "network queues"},
      {'S', "enable-sasl", "", kRefused, "",
       "found a flag for SASL, expected none: SASL needs the binary protocol, and mcrelay speaks "
       "the "
       "text protocol only (-Y is its authentication)",
       "SASL needs the binary protocol"},
      {'Z', "enable-ssl", "", kRefused, "",
       "found a flag for TLS, expected none: TLS is not built in", "TLS is not built in"},
  };
  return flags;
}

const std::vector<ExtendedOption>& ExtendedOptions() {
  constexpr bool kValue = true;
  constexpr bool kPlain = false;
  static const std::vector<ExtendedOption> words = [] {
    std::vector<ExtendedOption> all = {{"idle_timeout", kValue, true},
                                       {"maxconns_fast", kPlain, true}};
    for (const char* name : {"hashpower",
                             "tail_repair_time",
                             "hash_algorithm",
                             "slab_automove_ratio",
                             "slab_automove_window",
                             "slab_automove_freeratio",
                             "slab_chunk_max",
                             "lru_crawler_sleep",
                             "lru_crawler_tocrawl",
                             "hot_lru_pct",
                             "warm_lru_pct",
                             "hot_max_factor",
                             "warm_max_factor",
                             "temporary_ttl",
                             "watcher_logbuf_size",
                             "worker_logbuf_size",
                             "read_buf_mem_limit",
                             "ext_path",
                             "ext_page_size",
                             "ext_wbuf_size",
                             "ext_threads",
                             "ext_io_depth",
                             "ext_item_size",
                             "ext_item_age",
                             "ext_low_ttl",
                             "ext_recache_rate",
                             "ext_compact_under",
                             "ext_drop_under",
                             "ext_max_frag",
                             "ext_max_sleep",
                             "ssl_chain_cert",
                             "ssl_key",
                             "ssl_verify_mode",
                             "ssl_keyformat",
                             "ssl_ciphers",
                             "ssl_ca_cert",
                             "ssl_wbuf_size",
                             "ssl_min_version"}) {
      all.push_back({name, kValue, false});
    }
    for (const char* name : {"no_maxconns_fast",   "no_hashexpand",        "slab_reassign",
                             "no_slab_reassign",   "slab_automove",        "no_slab_automove",
                             "slab_sizes",         "lru_crawler",          "no_lru_crawler",
                             "lru_maintainer",     "no_lru_maintainer",    "track_sizes",
                             "inline_ascii_resp",  "no_inline_ascii_resp", "modern",
                             "no_modern",          "no_chunked_items",     "drop_privileges",
                             "no_drop_privileges", "resp_obj_mem_limit",   "sock_cookie_id",
                             "ext_drop_unread",    "ssl_session_cache",    "ssl_kernel_tls"}) {
      all.push_back({name, kPlain, false});
    }
    return all;
  }();
  return words;
}

std::string HelpText() {
  std::string out =
      "Usage: mcrelay [flags]\n\n"
      "A memcached server that keeps its items in Redis. Without a backend it starts a private\n"
      "redis-server. Precedence: flag, environment, file, default.\n";
  out += FlagRows("Flags of memcached", [](const Flag& flag) {
    return flag.HasLetter() && (flag.kind == FlagKind::kKey || flag.kind == FlagKind::kSpecial);
  });
  out += FlagRows("Flags of mcrelay", [](const Flag& flag) { return !flag.HasLetter(); });
  out += FlagRows("Flags of memcached that are accepted without effect",
                  [](const Flag& flag) { return flag.kind == FlagKind::kIgnored; });
  out += FlagRows("Flags of memcached that are refused",
                  [](const Flag& flag) { return flag.kind == FlagKind::kRefused; });
  return out + WordRows() + KeyRows();
}

}  // namespace mcrelay::config
