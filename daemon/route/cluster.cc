#include "daemon/route/cluster.h"

#include <algorithm>
#include <utility>

#include "daemon/log/log.h"
#include "protocol/redis/encoder.h"

namespace mcrelay::route {
namespace {

// After so many rounds without a node that knows the newest epoch, an older one is believed: the
// cluster was set up anew.
constexpr uint32_t kMostRefusedRounds = 20;
// Between two rounds, however many redirections ask for one.
constexpr uint64_t kShortestMs = 20;
constexpr uint16_t kNoSet = 0xffff;

std::string Questions() {
  Buffer out;
  redis::Encoder encoder(&out);
  encoder.Request({"CLUSTER", "INFO"});
  encoder.Request({"CLUSTER", "SLOTS"});
  return std::string(out.view());
}

bool SameNode(const config::Backend& one, const config::Backend& other) {
  return one.host == other.host && one.port == other.port && one.unix_path == other.unix_path;
}

}  // namespace

Cluster::Cluster(net::Io& io, Settings settings, std::vector<config::Backend> seeds)
    : io_(io),
      settings_(std::move(settings)),
      seeds_(std::move(seeds)),
      next_(io.loop, [this] { candidates_.empty() ? Begin() : AskNext(); }) {
  next_.Once(0);
}

void Cluster::Recheck(const placement::Endpoint& hint) {
  if (!hint.host.empty()) hint_ = hint;
  if (probe_ != nullptr && probe_->busy()) {
    again_ = true;
  } else {
    candidates_.clear();
    const uint64_t since = io_.loop.now_ms() - asked_ms_;
    NextIn(since < kShortestMs ? kShortestMs - since : 0);
  }
}

// The nodes in the order they are asked: who is said to know, primaries that are up, replicas, the
// rest, the seeds.
void Cluster::Begin() {
  std::vector<config::Backend> order;
  const auto add = [&](const config::Backend& backend) {
    const auto same = [&](const config::Backend& other) { return SameNode(backend, other); };
    if (std::none_of(order.begin(), order.end(), same)) order.push_back(backend);
  };
  if (!hint_.host.empty()) add(settings_.registry->Get(hint_)->backend());
  hint_ = {};
  for (const SetView& set : last_.sets) {
    if (!set.primary->down()) add(set.primary->backend());
  }
  for (const SetView& set : last_.sets) {
    for (const auto& replica : set.replicas) add(replica->backend());
  }
  for (const SetView& set : last_.sets) add(set.primary->backend());
  for (const config::Backend& seed : seeds_) add(seed);
  candidates_.assign(order.rbegin(), order.rend());
  asked_ms_ = io_.loop.now_ms();
  AskNext();
}

void Cluster::AskNext() {
  const config::Backend backend = candidates_.back();
  candidates_.pop_back();
  if (probe_ == nullptr || !SameNode(probe_->backend(), backend)) {
    probe_ = std::make_unique<Probe>(io_, backend, settings_.timeout_ms, *this);
  }
  state_ = {};
  static const std::string questions = Questions();
  probe_->Ask(questions, 2);
}

// From a probe's callback the next one must wait for a later turn.
void Cluster::NextIn(uint64_t ms) { next_.Once(ms); }

void Cluster::OnProbeFailed(Probe&, const std::string& reason) {
  if (!candidates_.empty()) {
    NextIn(0);
    return;
  }
  if (!std::exchange(told_failure_, true)) {
    log::Warning(log::Event::kTopology, "{}: no node says who serves what: {}", settings_.name,
                 reason);
  }
  Rest(false);
}

void Cluster::OnProbeReply(Probe& probe, size_t index, const redis::Reply& reply) {
  if (index == 0) {
    if (!reply.is_string() || !placement::ParseClusterInfo(reply.text, &state_)) state_ = {};
    return;
  }
  std::vector<placement::SlotRange> ranges;
  const bool readable =
      placement::ParseClusterSlots(reply, probe.backend().host, &ranges) && !ranges.empty();
  const bool old = state_.epoch < epoch_ && refused_rounds_ < kMostRefusedRounds;
  if (!readable || old || (!state_.ok && !candidates_.empty())) {
    if (old && candidates_.empty()) ++refused_rounds_;
    const std::string why = reply.is_error() ? std::string(reply.text) : "not a cluster's answer";
    OnProbeFailed(probe, old ? "an old view" : why);
    return;
  }
  epoch_ = state_.epoch;
  refused_rounds_ = 0;
  candidates_.clear();
  const size_t served = Take(ranges);
  settings_.looked(asked_ms_);
  covered_ = served == placement::kSlots;
  if (!covered_ && !std::exchange(told_gap_, true)) {
    log::Warning(log::Event::kTopology, "{}: {} slots have no node that can be reached",
                 settings_.name, placement::kSlots - served);
  }
  if (covered_) told_gap_ = false;
  if (std::exchange(told_failure_, false)) {
    log::Info(log::Event::kTopology, "{}: known again", settings_.name);
  }
  Rest(true);
}

void Cluster::Rest(bool answered) {
  if (std::exchange(again_, false)) {
    NextIn(answered ? kShortestMs : kTroubledMs);
  } else {
    NextIn(answered && !Troubled() ? kCalmMs : kTroubledMs);
  }
}

bool Cluster::Troubled() const {
  return !covered_ || std::any_of(last_.sets.begin(), last_.sets.end(),
                                  [](const SetView& set) { return set.primary->down(); });
}

// How many slots are served.
size_t Cluster::Take(const std::vector<placement::SlotRange>& ranges) {
  Found found;
  auto slots = std::make_shared<SlotMap>();
  slots->fill(kNoSet);
  size_t served = 0;
  for (const placement::SlotRange& range : ranges) {
    SetView set{.primary = settings_.registry->Get(range.primary)};
    for (const auto& replica : range.replicas) {
      set.replicas.push_back(settings_.registry->Get(replica));
    }
    std::sort(set.replicas.begin(), set.replicas.end(),
              [](const auto& one, const auto& other) { return one->name() < other->name(); });
    auto at = std::find_if(found.sets.begin(), found.sets.end(),
                           [&](const SetView& other) { return other.primary == set.primary; });
    if (at == found.sets.end()) at = found.sets.insert(at, std::move(set));
    const auto index = static_cast<uint16_t>(at - found.sets.begin());
    std::fill(slots->begin() + range.first, slots->begin() + range.last + 1, index);
    const uint32_t slots_in_range = range.last - range.first + 1u;
    at->slots += slots_in_range;
    served += slots_in_range;
  }
  for (uint16_t& set : *slots) {
    if (set == kNoSet) set = 0;
  }
  found.slots = std::move(slots);
  const bool same_slots = last_.slots != nullptr && *last_.slots == *found.slots;
  if (!same_slots || last_.sets != found.sets) {
    last_ = found;
    settings_.found(std::move(found));
  }
  return served;
}

}  // namespace mcrelay::route
