// Removals remembers, for one node and the whole process, which items must not be served any more
// because an operation that should have replaced or removed them failed or has an unknown outcome.
//
//   failed set ---> Add(key, cas) ---> every worker answers a miss for key
//   node is back, every old connection has ended ---> Take() -> removal sent -> Done()
//
// An old connection is one that was lost with requests in flight: a command still in its socket
// buffer, or with a proxy in between, may run after a removal that was sent on a new one. It has
// ended when the server says so in reply to CLIENT KILL; where the server does not take that
// command or did not tell who we are, and with a Unix socket, when the other side has closed it.
// Threading: any thread. any() is one
// atomic load, all that the data path pays while nothing is pending; everything else locks. Bound:
// `most` keys; what happens beyond is OnOverflow. All is lost with the process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/config.h"

namespace mcrelay::backend {

// How a connection is known to the server. Empty where the server would not tell.
struct ServerSide {
  int64_t client_id = 0;
  std::string address;  // our end as the server sees it
};

class OldConnection {
 public:
  explicit OldConnection(ServerSide server_side)
      : server_side_(std::move(server_side)),
        killable_(server_side_.client_id != 0 && !server_side_.address.empty()) {}

  // CLIENT KILL can name it, and was not refused.
  [[nodiscard]] bool killable() const { return killable_.load(); }
  [[nodiscard]] bool ended() const { return killed_.load() || (closed_.load() && !killable()); }
  [[nodiscard]] const ServerSide& server_side() const { return server_side_; }

  void OnKilled() { killed_.store(true); }
  void OnKillRefused() { killable_.store(false); }
  // The connection that asked for it was lost: some servers drop who asks.
  void OnKillLost() {
    if (lost_kills_.fetch_add(1) + 1 >= kMostLostKills) OnKillRefused();
  }
  // The other side closed it: not the server itself when there is a proxy in between.
  void OnClosed() { closed_.store(true); }

 private:
  static constexpr int kMostLostKills = 8;

  const ServerSide server_side_;
  std::atomic<int> lost_kills_{0};
  std::atomic<bool> killable_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> killed_{false};
};

class Removals {
 public:
  // One thing to be removed, taken by one connection until Done() or GiveBack().
  struct Claim {
    std::string key;  // empty: the whole database, after an overflow or a flush that failed
    uint64_t cas = 0;
    uint64_t version = 0;
    uint64_t taken = 0;  // of the whole database: what had happened when it was taken
  };

  [[nodiscard]] bool any() const { return any_.load(std::memory_order_acquire); }
  // True when `key` must be answered as missing.
  [[nodiscard]] bool Hides(std::string_view key) const;

  // The item of `key` is stale unless its CAS unique is `cas` or newer. False: the set is full.
  [[nodiscard]] bool Add(std::string_view key, uint64_t cas, size_t most,
                         config::OnOverflow on_overflow);
  // True once per overflow: it is worth a line in the log.
  [[nodiscard]] bool TellOverflow();
  // For Settle(), before an operation is sent: not 0 when every old connection has ended.
  [[nodiscard]] uint64_t Quiet() const;
  // An operation with `cas` has replaced or removed the item of a key that may be pending. When all
  // has been quiet since before it was sent nothing stale is left; else older values still may
  // come.
  void Settle(std::string_view key, uint64_t cas, uint64_t quiet);
  // All items of the node are stale.
  void AddFlush();
  // A client's flush was done; `quiet` is from before it was sent. Ends what an overflow hides.
  void Flushed(uint64_t quiet);

  // For a node whose keys live elsewhere now: what is pending for single keys, and for all of them.
  // Both are handed over once; they stay hidden here, too, until ForgetHanded(), for the workers
  // that still come here.
  [[nodiscard]] std::vector<std::string> Keys() const;  // those not handed over
  void HandOver(std::string_view key, Removals* heir, size_t most, config::OnOverflow on_overflow);
  void ForgetHanded();
  struct Whole {
    bool flush = false;
    bool hides_all = false;
  };
  Whole HandOverWhole();
  // The node has its keys again: what was handed over for all of them is due here, too.
  void TakeBackWhole();
  // No key of the node is served any more.
  void HideAll();

  // A connection with requests in flight is lost; to be called before their failure is reported.
  std::shared_ptr<OldConnection> Retire(const ServerSide& server_side);
  // Those that have not ended.
  [[nodiscard]] std::vector<std::shared_ptr<OldConnection>> OldConnections();
  // Something is pending, or an old connection can be ended.
  [[nodiscard]] bool HasChores();

  // At most `most` things to remove now; none while an old connection is open.
  [[nodiscard]] std::vector<Claim> Take(size_t most);
  // True when nothing is left to remove.
  bool Done(const Claim& claim);
  void GiveBack(const Claim& claim);

  [[nodiscard]] size_t size() const;

 private:
  struct Entry {
    uint64_t cas;
    uint64_t version;  // changes when the entry does, so that an older removal does not settle it
    bool handed = false;  // to the node where the key lives now
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };

  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  bool ForgetIfEmpty();
  [[nodiscard]] Entry* Find(std::string_view key);
  void Erase(std::string_view key);
  // A key in taken_ that has to be taken once more.
  void TakeAgain(std::string_view key);
  bool AddLocked(std::string_view key, uint64_t cas, size_t most, config::OnOverflow on_overflow);

  std::atomic<bool> any_{false};
  mutable std::mutex mutex_;
  // A key is in one of the two, so that finding the next to be taken costs the same however many
  // are under way.
  Entries waiting_;
  Entries taken_;
  std::vector<std::shared_ptr<OldConnection>> old_;
  uint64_t versions_ = 0;
  uint64_t retired_ = 0;  // connections ever retired
  uint64_t flush_ = 0;    // version of the flush that is due; 0: none
  bool flush_taken_ = false;
  bool whole_handed_ = false;  // flush_ and hides_all_, to the nodes where the keys live now
  bool told_overflow_ = false;
  uint64_t hides_all_ = 0;  // version of an overflow under `miss`: until a flush; 0: none
};

}  // namespace mcrelay::backend
