// Connection's work on pending removals, off the data path: see removals.h for the rule.

#include <algorithm>
#include <utility>

#include "daemon/backend/connection.h"
#include "daemon/log/log.h"
#include "protocol/redis/encoder.h"
#include "protocol/redis/error.h"

namespace mcrelay::backend {
namespace {

constexpr uint64_t kChoresMs = 25;
constexpr uint64_t kPauseAfterRefusalMs = 250;
// The next ones leave when these are answered: Redis sets the pace, and the requests of clients
// wait for so many of each worker at most.
constexpr size_t kMostUnderWay = 64;

}  // namespace

// Told when the server has ended an old connection for us. Deletes itself.
class Connection::KillWaiter final : public Waiter {
 public:
  KillWaiter(Connection& connection, std::shared_ptr<OldConnection> old)
      : connection_(connection), old_(std::move(old)) {
    ++connection_.kills_under_way_;
  }

  bool OnReply(const redis::Reply& reply) override {
    --connection_.kills_under_way_;
    if (reply.is_integer()) {
      old_->OnKilled();  // 0 is as good as 1: there is no such connection any more
    } else if (reply.is_error() && IsPassing(redis::ClassifyError(reply.text))) {
      connection_.chores_after_ms_ = connection_.io_.loop.now_ms() + kPauseAfterRefusalMs;
      std::erase(connection_.killing_, old_);
    } else {
      old_->OnKillRefused();
    }
    delete this;
    return true;
  }
  void OnLost() override {
    --connection_.kills_under_way_;
    old_->OnKillLost();
    delete this;
  }

 private:
  // What the server may answer to any command for a while.
  static bool IsPassing(redis::ErrorKind kind) {
    return kind == redis::ErrorKind::kBusy || kind == redis::ErrorKind::kLoading ||
           kind == redis::ErrorKind::kMasterDown;
  }

  Connection& connection_;
  std::shared_ptr<OldConnection> old_;
};

// Told when a removal is acknowledged. Deletes itself.
class Connection::RemovalWaiter final : public Waiter {
 public:
  RemovalWaiter(Connection& connection, Removals::Claim claim)
      : connection_(connection), claim_(std::move(claim)) {
    ++connection_.removals_under_way_;
  }

  bool OnReply(const redis::Reply& reply) override {
    Node& node = connection_.node();
    if (reply.is_error()) {
      ++connection_.refused_removals_;
      node.removals().GiveBack(claim_);
    } else if (node.removals().Done(claim_) && node.TellsRemoved()) {
      log::Info(log::Event::kPendingRemoval, "node {}: every pending removal is done", node.name());
    }
    if (--connection_.removals_under_way_ == 0) connection_.DoChores();
    delete this;
    return true;
  }
  void OnLost() override {
    --connection_.removals_under_way_;
    connection_.node().removals().GiveBack(claim_);
    delete this;
  }

 private:
  Connection& connection_;
  Removals::Claim claim_;
};

void Connection::StartChores() {
  if (!chores_.active()) chores_.EveryFromNow(kChoresMs);
}

void Connection::DoChores() {
  Removals& removals = node_->removals();
  if (flush_ != nullptr && flush_->done()) flush_.reset();
  if (flush_ != nullptr) return;
  if (!removals.HasChores()) {
    chores_.Stop();
    return;
  }
  if (state_ != State::kUp || io_.loop.now_ms() < chores_after_ms_ || removals_under_way_ > 0)
    return;
  if (refused_removals_ > 0) {
    // Redis takes no writes now (MISCONF, READONLY): the misses hold, ask again later.
    refused_removals_ = 0;
    chores_after_ms_ = io_.loop.now_ms() + kPauseAfterRefusalMs;
    return;
  }
  KillOldConnections();
  CloseBatch();
  for (Removals::Claim& claim : removals.Take(kMostUnderWay)) {
    if (claim.key.empty() && settings_.make_flush != nullptr) {
      flush_ = settings_.make_flush(io_, settings_, node_, std::move(claim));
      continue;
    }
    if (claim.key.empty()) {
      redis::Encoder(&requests_).Request({"FLUSHDB", "ASYNC"});
    } else {
      settings_.write_removal(claim.key, claim.cas, &requests_);
    }
    Expect(new RemovalWaiter(*this, std::move(claim)), io_.loop.now_ms());
  }
}

void Connection::KillOldConnections() {
  std::erase_if(killing_, [](const auto& one) { return one->ended(); });
  for (const auto& old : node_->removals().OldConnections()) {
    if (kills_under_way_ == kMostUnderWay) return;
    if (!old->killable()) continue;
    const ServerSide& side = old->server_side();
    if (std::find(killing_.begin(), killing_.end(), old) != killing_.end()) continue;
    killing_.push_back(old);
    redis::Encoder(&requests_)
        .Begin(6)
        .Arg("CLIENT")
        .Arg("KILL")
        .Arg("ID")
        .Arg(side.client_id)
        .Arg("ADDR")
        .Arg(side.address);
    Expect(new KillWaiter(*this, old), io_.loop.now_ms());
  }
}

}  // namespace mcrelay::backend
