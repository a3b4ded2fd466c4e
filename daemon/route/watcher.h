// Watcher knows who serves what in a topology that changes by itself, and tells the workers.
//
//   Discovery (one per set, or one for a cluster) -> View -> every subscriber, on its own loop
//   Yardstick -> how far away each node is, when somebody wants to know
//
// Owned by shared_ptr from the snapshots and routers that use it; has a thread and a loop of its
// own, so that nothing on the data path waits for it and it waits for nothing there.
// Threading: the public functions may be called from any thread.
// Failure: what cannot be found out leaves the last view in place; changes are logged once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "config/config.h"
#include "daemon/net/io.h"
#include "daemon/route/discovery.h"
#include "daemon/route/view.h"
#include "daemon/route/yardstick.h"

namespace mcrelay::route {

class Watcher {
 public:
  // The topology of `config` is one that is discovered.
  [[nodiscard]] static bool Needed(const config::Config& config);

  // REQUIRES: Needed(config).
  Watcher(const config::Config& config, const NodesBefore& before);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Nothing in `config` asks for another watcher.
  [[nodiscard]] bool Serves(const config::Config& config) const {
    return Wanted(config) == wanted_;
  }
  // Waits for the first finding, at most so long. False: there is none yet.
  [[nodiscard]] bool WaitForFirst(uint32_t timeout_ms) const;
  [[nodiscard]] std::shared_ptr<const View> view() const;
  // How often the view changed after the first one.
  [[nodiscard]] uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }
  // When the last look at a cluster began that was answered, by the loops' clock; 0: none was.
  [[nodiscard]] uint64_t looked_ms() const { return looked_ms_.load(); }
  // Whether nodes' round trips are wanted.
  void Measure(bool wanted);
  // Somebody met a sign of change. Cheap when said often.
  void Recheck(const placement::Endpoint& hint = {});
  // The nodes of the cluster; null with another topology.
  [[nodiscard]] const std::shared_ptr<Registry>& cluster_nodes() const { return cluster_nodes_; }

  // `changed` is called on the watcher's thread after each change, until Unsubscribe() returns.
  [[nodiscard]] uint64_t Subscribe(std::function<void()> changed);
  void Unsubscribe(uint64_t subscription);

 private:
  // What it was made from.
  struct Wanted {
    explicit Wanted(const config::Config& config);
    bool operator==(const Wanted&) const = default;

    config::Topology topology;
    std::vector<config::Backend> backends;
    std::vector<config::Shard> shards;  // weights aside
    std::vector<config::Address> sentinels;
    std::vector<std::string> words;  // service, users, passwords
    uint32_t timeout_ms;
  };

  void AddSet(const config::Config& config, const config::Shard& set, const NodesBefore& before,
              const std::shared_ptr<Registry>& registry, View* view);
  void Take(size_t first, Discovery::Found found);
  void LogChange(const View& before, const View& after);
  void LogMovedSlots();
  void LookForTrouble();
  void Run();

  const Wanted wanted_;
  std::shared_ptr<Registry> cluster_nodes_;
  net::Io io_;
  std::vector<std::unique_ptr<Discovery>> discoveries_;
  std::unique_ptr<net::Timer> trouble_;
  size_t known_down_ = 0;
  size_t moved_slots_ = 0;  // since they were logged
  uint64_t moved_told_ms_ = 0;
  std::unique_ptr<Yardstick> yardstick_;  // null: nobody wants to know
  std::vector<bool> found_;               // by discovery
  std::promise<void> first_;
  std::shared_future<void> first_come_ = first_.get_future().share();
  bool first_told_ = false;
  std::atomic<uint64_t> changes_{0};
  std::atomic<uint64_t> looked_ms_{0};

  mutable std::mutex mutex_;
  std::shared_ptr<const View> view_;  // guarded by mutex_, as all below
  uint64_t subscriptions_ = 0;
  std::vector<std::pair<uint64_t, std::function<void()>>> subscribers_;
  std::thread thread_;
};

}  // namespace mcrelay::route
