#include "daemon/route/replica.h"

#include <algorithm>
#include <utility>

#include "daemon/log/log.h"

namespace mcrelay::route {

Replica::Replica(net::Io& io, Settings settings,
                 const std::vector<std::shared_ptr<backend::Node>>& nodes)
    : settings_(std::move(settings)),
      nowhere_(settings_.registry->Nowhere(settings_.name)),
      next_(io.loop, [this] { AskAll(); }) {
  for (const auto& node : nodes) {
    Member member;
    member.node = node;
    member.probe = std::make_unique<Probe>(io, node->backend(), settings_.timeout_ms, *this);
    members_.push_back(std::move(member));
  }
  next_.Once(0);
}

void Replica::Recheck(const placement::Endpoint&) { next_.Once(0); }

Replica::Member& Replica::Of(const Probe& probe) {
  return *std::find_if(members_.begin(), members_.end(),
                       [&](const Member& member) { return member.probe.get() == &probe; });
}

void Replica::AskAll() {
  for (Member& member : members_) {
    if (!member.probe->busy()) Ask(member);
  }
  const bool calm = last_.primary != nullptr && last_.primary->has_address() &&
                    std::all_of(members_.begin(), members_.end(), [](const Member& member) {
                      return member.known && (member.role.primary || member.role.linked);
                    });
  next_.Once(calm ? kCalmMs : kTroubledMs);
}

void Replica::Ask(Member& member) {
  if (member.asked_info) {
    member.probe->Ask("*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n", 1);
  } else {
    member.probe->Ask("*1\r\n$4\r\nROLE\r\n", 1);
  }
}

void Replica::OnProbeReply(Probe& probe, size_t, const redis::Reply& reply) {
  Member& member = Of(probe);
  if (reply.is_error() && !member.asked_info) {  // an ACL may allow INFO only
    member.asked_info = true;
    Ask(member);
    return;
  }
  if (reply.is_error()) {
    Fail(member, std::string(reply.text), std::string(reply.text));
    return;
  }
  member.known = reply.is_string() ? placement::ParseInfoReplication(reply.text, &member.role)
                                   : placement::ParseRole(reply, &member.role);
  if (!member.known) {
    Fail(member, "not an answer to ROLE", {});
    return;
  }
  member.heard = true;
  member.told = false;
  member.refusal.clear();
  Judge();
}

void Replica::OnProbeFailed(Probe& probe, const std::string& reason) {
  Fail(Of(probe), reason, probe.refusal());
}

void Replica::Fail(Member& member, const std::string& reason, std::string refusal) {
  // A server that came up meanwhile and refuses us is told of once more.
  if (!member.told || (member.refusal.empty() && !refusal.empty())) {
    log::Warning(log::Event::kTopology, "{}: {} does not say its role: {}", settings_.name,
                 member.node->name(), reason);
  }
  member.told = member.heard = true;
  member.known = false;
  member.refusal = std::move(refusal);
  Judge();
}

void Replica::Judge() {
  SetView set;
  const Member* primary = nullptr;
  size_t primaries = 0;
  for (const Member& member : members_) {
    if (!member.known) continue;
    if (!member.role.primary) {
      if (member.role.linked) set.replicas.push_back(member.node);
      continue;
    }
    ++primaries;
    const bool better =
        primary == nullptr || member.role.replicas > primary->role.replicas ||
        (member.role.replicas == primary->role.replicas && member.node == last_.primary);
    if (better) primary = &member;
  }
  if (primary != nullptr) {
    set.primary = primary->node;
  } else if (last_.primary != nullptr && last_.primary->has_address()) {
    set.primary = last_.primary;  // it may come back; nobody else took its place
    std::erase(set.replicas, set.primary);
  } else {
    set.primary = Nobody();
  }
  TellOddities(primaries, *set.primary);
  // At the start, one answer after the other comes in: wait for a primary, or for what to tell
  // clients instead.
  const bool nothing_to_tell = !EveryoneHeard() || set.primary->refusal().empty();
  if (primary == nullptr && last_.primary == nullptr && nothing_to_tell) return;
  if (set == last_) return;
  last_ = set;
  settings_.found({{std::move(set)}, nullptr});
}

void Replica::TellOddities(size_t primaries, const backend::Node& chosen) {
  if (primaries > 1 && !std::exchange(told_several_, true)) {
    log::Warning(log::Event::kTopology,
                 "{}: {} servers say that they are the primary; taking {} for it", settings_.name,
                 primaries, chosen.name());
  }
  if (primaries == 1) told_several_ = false;
  if (primaries > 0) {
    told_none_ = false;
  } else if (EveryoneHeard() && !std::exchange(told_none_, true)) {
    log::Warning(log::Event::kTopology, "{}: no server says that it is the primary{}",
                 settings_.name,
                 chosen.has_address() ? "; going on with " + chosen.name() : std::string());
  }
}

bool Replica::EveryoneHeard() const {
  return std::all_of(members_.begin(), members_.end(),
                     [](const Member& member) { return member.heard; });
}

// What stands for a primary that nobody knows.
std::shared_ptr<backend::Node> Replica::Nobody() {
  const auto refused = std::find_if(members_.begin(), members_.end(),
                                    [](const Member& member) { return !member.refusal.empty(); });
  const std::string refusal = refused == members_.end() ? "" : refused->refusal;
  if (refusal != nowhere_->refusal()) {
    nowhere_ = settings_.registry->Nowhere(settings_.name, refusal);
  }
  return nowhere_;
}

}  // namespace mcrelay::route
