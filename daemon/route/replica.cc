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
  const bool calm = last_.primary != nullptr && last_.primary != nowhere_ &&
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
  member.known = reply.is_string() ? placement::ParseInfoReplication(reply.text, &member.role)
                                   : placement::ParseRole(reply, &member.role);
  Judge();
}

void Replica::OnProbeFailed(Probe& probe, const std::string&) {
  Of(probe).known = false;
  Judge();
}

void Replica::Judge() {
  SetView set{.primary = nowhere_};
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
  } else if (last_.primary != nullptr) {
    set.primary = last_.primary;  // it may come back; nobody else took its place
  }
  if (primaries > 1 && !std::exchange(told_several_, true)) {
    log::Warning(log::Event::kTopology,
                 "{}: {} servers say that they are the primary; taking {} for it", settings_.name,
                 primaries, set.primary->name());
  }
  if (primaries == 1) told_several_ = false;
  // At the start, one answer after the other comes in: wait for a primary or for all.
  if (primary == nullptr && last_.primary == nullptr) return;
  if (set == last_) return;
  last_ = set;
  settings_.found({{std::move(set)}, nullptr});
}

}  // namespace mcrelay::route
