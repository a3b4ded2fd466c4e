// Sentinel discovers the primary and the replicas of a service that Redis Sentinel manages.
//
//   each Sentinel: MASTER, GET-MASTER-ADDR-BY-NAME, REPLICAS, and SUBSCRIBE +switch-master
//     -> the newest address -> that server's ROLE -> Found
//
// Owned by the Watcher; its loop's thread only. Of the Sentinels' answers the one of the newest
// configuration epoch counts, and only once the server named there says itself that it is a primary
// (as Redis's guidelines for Sentinel clients ask). Sentinels that were set up anew count from 0
// again: once nobody has known the newest epoch for some seconds, an older one is believed. Where
// the server refuses us or ROLE, the Sentinels' word must do: its connections say why they fail.
// Failure: each kind is logged once until it is over.
#pragma once

#include <memory>
#include <vector>

#include "daemon/route/discovery.h"
#include "daemon/route/probe.h"

namespace mcrelay::route {

class Sentinel final : public Discovery, public Probe::User {
 public:
  Sentinel(net::Io& io, Settings settings, std::string service,
           const std::vector<config::Backend>& sentinels);

  void Recheck(const placement::Endpoint& hint) override;

 private:
  struct One {
    std::unique_ptr<Probe> questions;
    std::unique_ptr<Probe> events;
    uint64_t epoch = 0;  // of the answer under way
    placement::Endpoint primary;
    bool told_unknown = false;  // that it does not know the service
  };

  void OnProbeReply(Probe& probe, size_t index, const redis::Reply& reply) override;
  void OnProbeFailed(Probe& probe, const std::string& reason) override;

  void OnAnswer(One& one, size_t index, const redis::Reply& reply);
  [[nodiscard]] bool Believes(uint64_t epoch);
  void OnEvent(const redis::Reply& reply);
  void OnRole(const redis::Reply& reply);
  void OnRoleFailed(const std::string& reason);
  void Take(std::shared_ptr<backend::Node> primary);
  void AskAll();
  // Takes over `endpoint` when it says itself that it is a primary.
  void Verify(const placement::Endpoint& endpoint);
  void AskRole();
  void Publish();

  net::Io& io_;
  const Settings settings_;
  const std::string service_;
  const std::shared_ptr<backend::Node> nowhere_;
  std::string questions_;
  std::vector<One> all_;
  uint64_t epoch_ = 0;                        // the newest that was taken
  uint64_t old_since_ms_ = 0;                 // only older ones were heard since; 0: not so
  uint64_t newest_old_ = 0;                   // of these
  std::shared_ptr<backend::Node> candidate_;  // whose ROLE is to be asked next; null: none
  std::shared_ptr<backend::Node> asked_;      // whose ROLE was asked
  std::unique_ptr<Probe> role_;
  bool doubtful_ = false;  // the primary says that it is none any more
  SetView set_;            // as found so far
  SetView last_;
  bool told_silence_ = false;                    // that no Sentinel answers
  std::shared_ptr<backend::Node> told_role_of_;  // whose role could not be asked: told; may be null
  uint64_t failures_ = 0;                        // questions in a row that no Sentinel answered
  net::Timer next_;
  net::Timer verify_;
};

}  // namespace mcrelay::route
