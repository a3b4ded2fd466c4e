// Cluster discovers a Redis Cluster: which node has which slots, who replicates whom.
//
//   seeds and known nodes -> one of them: CLUSTER INFO, CLUSTER SLOTS -> Found
//
// Owned by the Watcher; its loop's thread only. One node is asked at a time, the next when it does
// not answer, believes that the cluster is down, or knows less than what was heard already (a node
// that was cut off has an old map).
#pragma once

#include <memory>
#include <vector>

#include "daemon/route/discovery.h"
#include "daemon/route/probe.h"

namespace mcrelay::route {

class Cluster final : public Discovery, public Probe::User {
 public:
  Cluster(net::Io& io, Settings settings, std::vector<config::Backend> seeds);

  void Recheck(const placement::Endpoint& hint) override;

 private:
  void OnProbeReply(Probe& probe, size_t index, const redis::Reply& reply) override;
  void OnProbeFailed(Probe& probe, const std::string& reason) override;

  void Begin();
  void AskNext();
  void NextIn(uint64_t ms);
  void Rest(bool answered);
  [[nodiscard]] bool Troubled() const;
  [[nodiscard]] size_t Take(const std::vector<placement::SlotRange>& ranges);

  net::Io& io_;
  const Settings settings_;
  const std::vector<config::Backend> seeds_;
  placement::Endpoint hint_;
  std::vector<config::Backend> candidates_;  // to be asked in this round, last first
  std::unique_ptr<Probe> probe_;
  placement::ClusterState state_;  // of the node that is asked
  uint64_t epoch_ = 0;             // the newest that was taken
  uint32_t refused_rounds_ = 0;    // in a row in which nobody knew as much
  bool covered_ = false;           // every slot is served
  bool told_failure_ = false;
  bool told_gap_ = false;
  bool again_ = false;  // asked to look again during a round
  Found last_;
  uint64_t asked_ms_ = 0;
  net::Timer next_;
};

}  // namespace mcrelay::route
