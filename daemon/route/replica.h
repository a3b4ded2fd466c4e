// Replica discovers the roles in a set of servers that replicate: each is asked, and goes on being
// asked, whether it is a primary or a replica.
//
// Owned by the Watcher; its loop's thread only. Only the servers that are configured belong to the
// set. Of several primaries the one with most replicas counts, then the one that counted before.
// Failure: why a server does not say its role is logged once until it does; while nobody is known
// to be the primary because Redis refuses us, that is what clients are told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/route/discovery.h"
#include "daemon/route/probe.h"

namespace mcrelay::route {

class Replica final : public Discovery, public Probe::User {
 public:
  Replica(net::Io& io, Settings settings, const std::vector<std::shared_ptr<backend::Node>>& nodes);

  void Recheck(const placement::Endpoint& hint) override;

 private:
  struct Member {
    std::shared_ptr<backend::Node> node;
    std::unique_ptr<Probe> probe;
    bool known = false;       // it answered the last question
    bool heard = false;       // it answered, or failed to, at least once
    bool asked_info = false;  // ROLE was refused
    bool told = false;        // that it does not say its role
    std::string refusal;      // Redis's words when it refused the last question
    placement::Role role;
  };

  void OnProbeReply(Probe& probe, size_t index, const redis::Reply& reply) override;
  void OnProbeFailed(Probe& probe, const std::string& reason) override;

  [[nodiscard]] Member& Of(const Probe& probe);
  void AskAll();
  static void Ask(Member& member);
  void Fail(Member& member, const std::string& reason, std::string refusal);
  void Judge();
  void TellOddities(size_t primaries, const backend::Node& chosen);
  [[nodiscard]] bool EveryoneHeard() const;
  [[nodiscard]] std::shared_ptr<backend::Node> Nobody();

  const Settings settings_;
  std::shared_ptr<backend::Node> nowhere_;
  std::vector<Member> members_;
  SetView last_;
  bool told_several_ = false;
  bool told_none_ = false;
  net::Timer next_;
};

}  // namespace mcrelay::route
