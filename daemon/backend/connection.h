// Connection pipelines one worker's requests to one Redis node, over one Link at a time.
//
//   Begin()/Expect()  -> requests_, slots_ \   OnTurnEnd()
//   Read(key)         -> the open batch ---- > one MGET -> one write -> Link -> replies, in order
//
//   slots_: | in flight (sent_) | queued in requests_ |      one slot per reply due
//
// Owned by a router. Borrows each Waiter until its reply came or it was told OnLost().
// Threading: its loop's thread.
// Order: requests leave in the order they were begun; a batch leaves when it is closed.
// Failure: when the Link ends, what was in flight gets OnLost(); what was only queued stays queued
// and goes out on the next Link, unless it grows overdue, the node is ejected first, or items of
// the node became stale (what is queued was asked for under another assumption). A node is ejected
// after `failures` failures in a row, and distrusted after `overdue` overdue requests in a row:
// then nothing is accepted until a handshake succeeds again, which is tried in the background with
// jittered, growing pauses.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/backend/link.h"
#include "daemon/backend/node.h"
#include "daemon/backend/slot_queue.h"
#include "daemon/net/io.h"
#include "protocol/buffer.h"

namespace mcrelay::backend {

class Waiter {
 public:
  // The reply to one Expect() or Read(). The views in `reply` die with the call. False: no server
  // answers so, requests and replies are out of step, the connection must not be used again.
  [[nodiscard]] virtual bool OnReply(const redis::Reply& reply) = 0;
  // There will be none: connection lost, overdue, node ejected.
  virtual void OnLost() = 0;

 protected:
  ~Waiter() = default;
};

// Counts how many keys the merged reads carried. Relaxed: read by other threads for `stats`.
struct BatchCounters {
  static constexpr int kBuckets = 8;  // 1, 2, 3-4, 5-8, 9-16, 17-32, 33-64, more
  std::array<std::atomic<uint64_t>, kBuckets> batches{};
  std::atomic<uint64_t> keys{0};
};

// A removal that takes more than one request. Settles its claim itself; destroying it gives the
// claim back.
class Chore {
 public:
  virtual ~Chore() = default;
  [[nodiscard]] virtual bool done() const = 0;
};

class Connection final : public LinkUser {
 public:
  struct Settings {
    uint32_t connect_ms;
    uint32_t request_ms;
    uint32_t failures;  // in a row until ejection
    uint32_t overdue;   // requests in a row until it is distrusted
    uint32_t probe_min_ms;
    uint32_t probe_max_ms;
    size_t most_in_flight;  // slots
    size_t most_unsent_bytes;
    size_t merge_keys;
    size_t merge_bytes;  // expected bytes of a merged reply
    size_t reply_bytes;
    std::vector<std::string_view> scripts;
    size_t most_removals = 100000;  // pending ones, per node
    config::OnOverflow on_overflow = config::OnOverflow::kFlush;
    // Writes one request that removes `key` unless its CAS unique is `cas` or newer; its reply is
    // an integer.
    void (*write_removal)(std::string_view key, uint64_t cas, Buffer* out) = nullptr;
    // How a due flush is done; null: FLUSHDB.
    std::unique_ptr<Chore> (*make_flush)(net::Io& io, const Settings& settings,
                                         std::shared_ptr<Node> node,
                                         Removals::Claim claim) = nullptr;
    std::string flush_prefix{};  // make_flush removes keys that start so
    bool cluster = false;        // the node is one of a Redis Cluster

    bool operator==(const Settings&) const = default;
  };

  // Starts connecting at once, unless the node has no address: then it is ejected for good. Borrows
  // `io` and `batch_counters`. `reads_replica`: the node is a cluster's replica and is to answer
  // reads.
  Connection(net::Io& io, std::shared_ptr<const Settings> settings, std::shared_ptr<Node> node,
             BatchCounters& batch_counters, uint64_t random_seed, bool reads_replica = false);
  ~Connection();

  // False: the node is ejected or cannot keep up; answer as for a failed backend, at once.
  [[nodiscard]] bool accepts() const;
  // A handshake succeeded and the connection was not lost since.
  [[nodiscard]] bool up() const { return state_ == State::kUp; }
  // Why the last handshake was refused, in Redis's words; empty when it was not.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  // Replies due.
  [[nodiscard]] size_t pending() const { return slots_.size() + batch_.size(); }
  [[nodiscard]] Node& node() const { return *node_; }
  [[nodiscard]] const std::shared_ptr<Node>& shared_node() const { return node_; }

  // Where a request's bytes are appended to; one Expect() per reply that they cause follows.
  // REQUIRES: accepts().
  [[nodiscard]] Buffer& Begin() { return requests_; }
  // `arrived_ms`: loop time at which the client's command was complete.
  void Expect(Waiter* waiter, uint64_t arrived_ms);
  // Queues a GET of `key`, merged with others of this turn. REQUIRES: accepts().
  void Read(std::string_view key, Waiter* waiter, uint64_t arrived_ms);
  // Ends the open batch: requests begun later execute after its reads.
  void CloseBatch();

  // Works on the node's pending removals as soon as it can be reached.
  void StartChores();

  // Writes what this turn queued.
  void OnTurnEnd();
  [[nodiscard]] const Settings& settings() const { return settings_; }
  // Ends the Link when its oldest request is overdue.
  void CheckDeadlines(uint64_t now_ms);
  [[nodiscard]] bool idle() const { return slots_.empty() && batch_.empty() && retired_.empty(); }

 private:
  struct Slot {
    Waiter* waiter;
    uint64_t deadline_ms;
    uint32_t batch;  // keys of the MGET this slot starts; 0: a plain request or inside a batch
  };
  enum class State : uint8_t { kWaiting, kConnecting, kUp };

  bool StreamArray(size_t count) override;
  void OnElement(const redis::Reply& reply, size_t index) override;
  void OnReply(const redis::Reply& reply) override;
  bool ExpectsReply() const override { return sent_ > 0; }
  void OnLinkUp() override;
  void OnLinkDown(const std::string& reason, bool by_us) override;
  void OnRetiredEnd(Link* link) override;

  class KillWaiter;
  class RemovalWaiter;

  void CountError(std::string_view text);
  void Answer(const redis::Reply& reply);
  void DoChores();
  void KillOldConnections();
  void Open();
  void Retry(const std::string& reason);
  void LoseInFlight();
  void LoseQueued();

  net::Io& io_;
  const std::shared_ptr<const Settings> shared_settings_;
  const Settings& settings_;
  const std::shared_ptr<Node> node_;
  const std::shared_ptr<Traffic> traffic_;
  BatchCounters& batch_counters_;
  Link::Settings link_settings_;
  State state_ = State::kWaiting;
  bool ejected_ = false;     // reported as down
  bool distrusted_ = false;  // was overdue, no handshake has succeeded since
  Link* link_ = nullptr;
  std::string refusal_;
  uint32_t failures_ = 0;  // in a row, as overdue_
  uint32_t overdue_ = 0;
  uint64_t opened_ms_ = 0;
  uint64_t random_;
  net::Timer retry_;

  Buffer requests_;
  SlotQueue<Slot> slots_;
  size_t sent_ = 0;
  size_t sampled_ = 0;  // replies until the one whose round trip is measured; 0: none
  uint64_t sampled_us_ = 0;
  std::vector<Link*> retired_;                           // given up, but not known to have ended
  std::vector<std::shared_ptr<OldConnection>> killing_;  // asked for on this Link
  net::Timer chores_;
  std::unique_ptr<Chore> flush_;
  uint64_t chores_after_ms_ = 0;
  size_t kills_under_way_ = 0;
  size_t removals_under_way_ = 0;
  uint64_t refused_removals_ = 0;

  std::vector<Slot> batch_;
  Buffer batch_keys_;
  size_t expected_value_bytes_ = 256;  // moving average of what a read returns
};

}  // namespace mcrelay::backend
