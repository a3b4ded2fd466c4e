#include "config/validate.h"

#include <algorithm>
#include <set>

#include "config/location.h"
#include "config/text.h"
#include "config/value.h"

namespace mcrelay::config {
namespace {

class Validator {
 public:
  Validator(const Config& config, const Settings& settings)
      : config_(config), settings_(settings) {}

  void Check() const {
    CheckListen();
    CheckAdmin();
    CheckRawListen();
    CheckBackends();
    CheckShards();
    CheckTopology();
    CheckDistribution();
    CheckOrder();
    if (config_.flush_all == FlushAll::kPrefix && config_.key_prefix.empty()) {
      FailAt("flush_all", "found 'prefix' without a key_prefix, expected a key_prefix or flushdb");
    }
    if (config_.embedded &&
        config_.limits.item_size > config_.embedded_memory / 2) {  // memcached's
      const bool by_item = settings_.at("limits.item_size").origin.source != Source::kDefault;
      if (by_item) {
        FailAt("limits.item_size", "found " + Show("limits.item_size") +
                                       ", expected at most half of embedded.memory (" +
                                       Show("embedded.memory") + ")");
      }
      FailAt("embedded.memory", "found " + Show("embedded.memory") +
                                    ", expected at least twice limits.item_size (" +
                                    Show("limits.item_size") + ")");
    }
  }

 private:
  [[noreturn]] void FailAt(std::string_view name, const std::string& what) const {
    Fail(settings_.at(name).origin, std::string(name) + ": " + what);
  }
  [[noreturn]] void FailAtEntry(std::string_view name, size_t entry,
                                const std::string& what) const {
    const Setting& setting = settings_.at(name);
    Origin origin = setting.origin;
    if (entry < setting.value.places.size()) origin.place = setting.value.places[entry];
    Fail(origin, what);
  }

  std::string Show(std::string_view name) const {
    const Key& key = *FindKey(name);
    return FormatValue(key, key.field.get(config_));
  }

  void CheckListen() const {
    if (config_.listen.empty()) {
      FailAt("listen", "found an empty list, expected at least one address");
    }
    std::set<std::string> seen;
    for (size_t i = 0; i < config_.listen.size(); ++i) {
      const std::string address = FormatAddress(config_.listen[i]);
      const bool any_port = config_.listen[i].unix_path.empty() && config_.listen[i].port == 0;
      if (!any_port && !seen.insert(address).second) {
        FailAtEntry("listen", i, "found " + address + " a second time, expected it once");
      }
    }
  }

  void CheckAdmin() const {
    if (!config_.admin) return;
    if (!config_.admin->unix_path.empty()) {
      FailAt("admin", "found " + Show("admin") + ", expected host:port");
    }
    for (const Address& address : config_.listen) {
      CheckApart("admin", *config_.admin, "listen", address);
    }
    if (config_.raw_listen) CheckApart("admin", *config_.admin, "raw_listen", *config_.raw_listen);
  }

  void CheckRawListen() const {
    if (!config_.raw_listen) return;
    if (config_.topology != Topology::kSingle) {
      FailAt("raw_listen", "found topology " + Show("topology") +
                               ", expected single: there is no one Redis to speak to");
    }
    for (const Address& address : config_.listen) {
      CheckApart("raw_listen", *config_.raw_listen, "listen", address);
    }
  }

  // Two listeners cannot have one address, nor one of them all addresses of the other's port.
  void CheckApart(std::string_view name, const Address& one, const std::string& other_name,
                  const Address& other) const {
    const auto everywhere = [](const Address& address) {
      return address.host == "0.0.0.0" || address.host == "::";
    };
    const bool any_port = one.unix_path.empty() && one.port == 0;
    const bool same_port =
        one.unix_path.empty() && other.unix_path.empty() && one.port == other.port;
    if (any_port || !(one == other || (same_port && (everywhere(one) || everywhere(other)))))
      return;
    FailAt(name, "found " + FormatAddress(one) + " beside " + FormatAddress(other) + " of " +
                     other_name + ", expected another address");
  }

  void CheckBackends() const {
    std::set<std::string> names;
    std::set<std::string> ring_names;
    const auto check = [&](const Backend& backend, std::string_view list, size_t entry) {
      if (!names.insert(backend.name).second || !ring_names.insert(backend.ring_name).second) {
        FailAtEntry(list, entry,
                    "found a second node with the name " + Quote(backend.name) +
                        ", expected different names");
      }
    };
    for (size_t i = 0; i < config_.backends.size(); ++i) check(config_.backends[i], "backends", i);
    for (size_t i = 0; i < config_.shards.size(); ++i) {
      for (const Backend& backend : config_.shards[i].backends) check(backend, "shards", i);
    }
  }

  void CheckShards() const {
    if (config_.shards.empty()) return;
    if (!config_.backends.empty()) {
      FailAt("shards", "found shards beside backends, expected one of them");
    }
    if (config_.topology != Topology::kShard) {
      FailAt("topology",
             "found " + Quote(Show("topology")) +
                 " with shards, expected shard: each entry says which kind of set it is");
    }
    if (config_.distribution == "django-redis") {
      FailAt("distribution",
             "found 'django-redis' with shards, expected another one: its ring is made of servers");
    }
    std::set<std::string> names;
    for (size_t i = 0; i < config_.shards.size(); ++i) {
      const Shard& shard = config_.shards[i];
      if (!names.insert(shard.name).second) {
        FailAtEntry(
            "shards", i,
            "found a second set with the name " + Quote(shard.name) + ", expected different names");
      }
      if (!shard.service.empty() && shard.sentinels.empty() && config_.sentinels.empty()) {
        FailAtEntry("shards", i,
                    "found a service without sentinels, expected sentinels: [host:port]");
      }
      for (const Backend& backend : shard.backends) {
        if (backend.weight == 1) continue;
        FailAtEntry("shards", i, "found a weight for a server of a set, expected it for the set");
      }
    }
  }

  void CheckTopology() const {
    if (config_.topology == Topology::kSingle && config_.backends.size() > 1) {
      FailAt("topology", "found 'single' with " + std::to_string(config_.backends.size()) +
                             " backends, expected one backend, or topology shard");
    }
    if (config_.embedded && config_.topology != Topology::kSingle) {
      FailAt("topology", "found " + Quote(Show("topology")) +
                             " without a backend, expected backends to be named");
    }
    CheckSentinel();
    const bool replicates = config_.topology == Topology::kReplica ||
                            config_.topology == Topology::kSentinel ||
                            config_.topology == Topology::kCluster || !config_.shards.empty();
    if (config_.read_from != ReadFrom::kPrimary && !replicates) {
      FailAt("read_from",
             "found " + Quote(Show("read_from")) + " with topology " + Show("topology") +
                 ", expected primary, shards, or topology replica, sentinel or cluster");
    }
    if (config_.topology != Topology::kCluster) return;
    for (size_t i = 0; i < config_.backends.size(); ++i) {
      if (config_.backends[i].db == 0) continue;
      FailAtEntry("backends", i,
                  "found database " + std::to_string(config_.backends[i].db) +
                      " with topology cluster, expected 0, the only one there is");
    }
  }

  [[noreturn]] void FailWithoutSentinel(std::string_view name) const {
    FailAt(name, "found " + std::string(name) + " with topology " + Show("topology") +
                     ", expected topology sentinel");
  }

  void CheckSentinel() const {
    if (config_.topology == Topology::kSentinel) {
      if (config_.sentinels.empty()) {
        FailAt("topology", "found 'sentinel' without sentinels, expected sentinels: [host:port]");
      }
      if (config_.service.empty()) {
        FailAt("topology", "found 'sentinel' without a service, expected service: mymaster");
      }
      if (!config_.backends.empty()) {
        FailAt("backends",
               "found backends with topology sentinel, expected none: the Sentinels "
               "name them");
      }
      return;
    }
    // An empty value is what --print-config shows when there is none.
    const bool shared = std::any_of(config_.shards.begin(), config_.shards.end(),
                                    [](const Shard& shard) { return !shard.service.empty(); });
    if (!config_.sentinels.empty() && !shared) FailWithoutSentinel("sentinels");
    if (!config_.service.empty()) FailWithoutSentinel("service");
  }

  void CheckDistribution() const {
    if (config_.distribution != "django-redis") return;
    for (size_t i = 0; i < config_.backends.size(); ++i) {
      if (config_.backends[i].weight == 1) continue;
      FailAtEntry("backends", i,
                  "found a weight with distribution django-redis, expected none: "
                  "its ring has no weights");
    }
    if (!config_.hash_tag.empty()) {
      FailAt("hash_tag", "found " + Quote(config_.hash_tag) +
                             " with distribution django-redis, expected none: its rule is fixed");
    }
    if (config_.hash != Config{}.hash) {
      FailAt("hash", "found " + Quote(config_.hash) +
                         " with distribution django-redis, expected none: it is always SHA-256");
    }
  }

  // Pairs of which the first must not be larger than the second.
  void CheckOrder() const {
    if (config_.health.probe_min > config_.health.probe_max) {
      FailOrder("health.probe_min", "health.probe_max");
    }
    if (config_.limits.line > config_.limits.get_line) FailOrder("limits.line", "limits.get_line");
    if (config_.limits.item_size > config_.limits.client_output) {
      FailOrder("limits.item_size", "limits.client_output");
    }
    if (config_.limits.item_size > config_.limits.node_output) {
      FailOrder("limits.item_size", "limits.node_output");
    }
    if (!config_.hash_tag.empty() && config_.hash_tag.size() != 2) {
      FailAt("hash_tag", "found " + Quote(config_.hash_tag) +
                             ", expected two characters such as \"{}\", or none");
    }
  }

  [[noreturn]] void FailOrder(std::string_view small, std::string_view large) const {
    const bool blame_large = settings_.at(large).origin.source != Source::kDefault;
    if (blame_large) {
      FailAt(large, "found " + Show(large) + ", expected at least " + std::string(small) + " (" +
                        Show(small) + ")");
    }
    FailAt(small, "found " + Show(small) + ", expected at most " + std::string(large) + " (" +
                      Show(large) + ")");
  }

  const Config& config_;
  const Settings& settings_;
};

}  // namespace

void Validate(const Config& config, const Settings& settings) {
  Validator(config, settings).Check();
}

}  // namespace mcrelay::config
