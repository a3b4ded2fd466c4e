// Router knows one worker's connections and which of them a key belongs to.
//
//   key -> placement (ring, or slots of a cluster) -> set -> its primary's connection
//                                                         -> for plain reads perhaps a replica's
//
// With a topology that changes by itself it follows the Watcher's views, and a cluster's
// redirections before those. Owned by a worker, rebuilt by a reload. Nothing is rehashed when a
// node is away: its keys miss. Threading: its worker's thread. Lifetime: a connection that is not
// needed any more goes once everything asked on it is answered.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "daemon/backend/connection.h"
#include "daemon/route/view.h"
#include "daemon/route/watcher.h"
#include "protocol/placement/placement.h"

namespace mcrelay::route {

// Waits until a request may be sent once more.
class Retrier {
 public:
  virtual void OnRetry() = 0;

 protected:
  ~Retrier() = default;
};

// What to do about an error reply.
struct Advice {
  enum class Kind : uint8_t {
    kAnswer,  // it is the client's
    kSend,    // send the request to `to` instead
    kAsk,     // the same, with ASKING before it
    kWait,    // the servers are about to agree: Wait(), then route anew
  };
  Kind kind = Kind::kAnswer;
  backend::Connection* to = nullptr;
};

class Router {
 public:
  struct Setup {
    std::shared_ptr<const View> view;                       // with a topology that stays
    std::shared_ptr<Watcher> watcher;                       // else
    std::shared_ptr<const placement::Placement> placement;  // over the sets; not with a cluster
    config::ReadFrom read_from = config::ReadFrom::kPrimary;
  };

  // `before`, which may be null, is the retired router of the configuration before: connections to
  // nodes that are configured alike are taken over from it, with all that is in flight on them, and
  // what is pending at its nodes follows its keys to where they live now.
  Router(net::Io& io, backend::Connection::Settings settings, Setup setup,
         backend::BatchCounters& batch_counters, uint64_t random_seed, Router* before);
  ~Router();

  // The connection to the primary that owns `redis_key` (prefix included).
  [[nodiscard]] backend::Connection& Pick(std::string_view redis_key) {
    return *primaries_[primaries_.size() == 1 ? 0 : placement_->Pick(redis_key)];
  }
  // Plain reads may go elsewhere than to the primary.
  [[nodiscard]] bool reads_elsewhere() const { return reads_elsewhere_; }
  // The connection for a plain read of `redis_key`: of those that are up and, by read_from, allowed
  // (or nearest) the one with least pending.
  [[nodiscard]] backend::Connection& PickReader(std::string_view redis_key);
  // To the primaries: one per set.
  [[nodiscard]] const std::vector<backend::Connection*>& connections() const { return primaries_; }

  // The topology may change: error replies are to be judged, requests kept for sending them again.
  [[nodiscard]] bool follows() const { return watcher_ != nullptr; }
  // It did a moment ago: requests on one key may be under way on two connections.
  [[nodiscard]] bool unsettled() const {
    return unsettled_until_ms_ != 0 && io_.loop.now_ms() < unsettled_until_ms_;
  }
  [[nodiscard]] Advice Judge(std::string_view error, backend::Connection& from,
                             std::string_view redis_key);
  // A connection was lost or refused: look whether somebody else took over.
  void Doubt();
  // Calls back once: after the next change, or a moment later. In the order of the calls.
  void Wait(Retrier* retrier);

  // A flush_all that `node` did not do stays due: there, or with all primaries when it is none any
  // more.
  void OweFlush(const backend::Node& node);

  // Before this router is replaced: nothing may join its batches any more, and nothing changes in
  // it any more.
  void Retire();
  void OnTurnEnd();
  void CheckDeadlines(uint64_t now_ms);
  [[nodiscard]] bool idle() const;

 private:
  struct Entry {
    std::unique_ptr<backend::Connection> connection;
    bool reads_replica;    // its node is asked as a replica
    bool needed = true;    // by the view
    uint64_t used_ms = 0;  // by a redirection; 0: by none
  };
  // Placement by the slots of a cluster; owns the map that redirections correct.
  class Slots final : public placement::Placement {
   public:
    [[nodiscard]] size_t Pick(std::string_view redis_key) const override {
      return map[placement::KeySlot(redis_key)];
    }
    SlotMap map{};
  };

  void CloseBatches();
  void Inherit(const Router& before);
  void Adopt();
  void Build(const View& view);
  void Settle();
  void DropUnneeded();
  void MoveRemovals(const View& before, const View& after);
  void MoveRemovalsOf(backend::Node& node);
  [[nodiscard]] Advice Redirect(std::string_view error, backend::Connection& from);
  void ReturnToView();
  [[nodiscard]] std::vector<backend::Connection*> Successors(const backend::Node& node,
                                                             const View& before,
                                                             const View& after) const;
  [[nodiscard]] bool IsPrimary(const backend::Node& node) const;
  [[nodiscard]] backend::Connection& Connect(const std::shared_ptr<backend::Node>& node,
                                             bool reads_replica, bool needed);
  [[nodiscard]] std::unique_ptr<backend::Connection> GiveUp(const backend::Node& node,
                                                            bool reads_replica);
  void RetryAll();
  void Unsettle();

  net::Io& io_;
  std::shared_ptr<const backend::Connection::Settings> shared_settings_;
  const backend::Connection::Settings& settings_;
  std::shared_ptr<Watcher> watcher_;
  std::shared_ptr<const placement::Placement> placement_;
  const config::ReadFrom read_from_;
  backend::BatchCounters& batch_counters_;
  uint64_t random_;
  uint64_t subscription_ = 0;
  Router* before_;                                              // null once this one is built
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for tasks that were posted

  std::shared_ptr<const View> view_;
  std::vector<backend::Connection*> primaries_;  // by set; redirections may add more
  std::vector<std::vector<backend::Connection*>> replicas_;
  std::shared_ptr<Slots> slots_;  // null unless it is a cluster
  std::vector<Entry> entries_;
  bool reads_elsewhere_ = false;
  uint64_t unsettled_until_ms_ = 0;
  uint64_t corrected_ms_ = 0;  // when a redirection last corrected the map; 0: it is the view's
  std::vector<Retrier*> waiting_;
  net::Timer retry_;
  net::Timer settle_;
  net::Timer corrected_;
};

}  // namespace mcrelay::route
