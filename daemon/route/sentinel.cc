#include "daemon/route/sentinel.h"

#include <algorithm>
#include <utility>

#include "daemon/log/log.h"
#include "protocol/redis/encoder.h"

namespace mcrelay::route {
namespace {

constexpr std::string_view kSwitch = "+switch-master";
constexpr size_t kQuestions = 3;
// When for so long, and for one more question's time limits, no Sentinel knew the newest epoch, an
// older one is believed: they were set up anew.
constexpr uint64_t kOldEpochMs = 2000;

std::string Questions(const std::string& service) {
  Buffer out;
  redis::Encoder encoder(&out);
  encoder.Request({"SENTINEL", "MASTER", service});
  encoder.Request({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", service});
  encoder.Request({"SENTINEL", "REPLICAS", service});
  return std::string(out.view());
}

std::string Subscription() {
  Buffer out;
  redis::Encoder(&out).Request({"SUBSCRIBE", kSwitch});
  return std::string(out.view());
}

}  // namespace

Sentinel::Sentinel(net::Io& io, Settings settings, std::string service,
                   const std::vector<config::Backend>& sentinels)
    : io_(io),
      settings_(std::move(settings)),
      service_(std::move(service)),
      nowhere_(settings_.registry->Nowhere(settings_.name)),
      questions_(Questions(service_)),
      set_{.primary = nowhere_},
      next_(io.loop, [this] { AskAll(); }),
      verify_(io.loop, [this] { AskRole(); }) {
  for (const config::Backend& backend : sentinels) {
    One one;
    one.questions = std::make_unique<Probe>(io, backend, settings_.timeout_ms, *this);
    one.events = std::make_unique<Probe>(io, backend, settings_.timeout_ms, *this);
    all_.push_back(std::move(one));
  }
  next_.Once(0);
}

void Sentinel::Recheck(const placement::Endpoint&) { next_.Once(0); }

void Sentinel::AskAll() {
  for (One& one : all_) {
    if (!one.questions->busy()) {
      one.epoch = 0;
      one.questions->Ask(questions_, kQuestions);
    }
    if (!one.events->busy()) one.events->Listen(Subscription());
  }
  // The primary itself says when it was demoted.
  if (last_.primary != nullptr && candidate_ == nullptr && asked_ == nullptr) {
    candidate_ = last_.primary;
    verify_.Once(0);
  }
  const bool calm = last_.primary != nullptr && !last_.primary->down() && !doubtful_ &&
                    failures_ == 0 && old_since_ms_ == 0;
  next_.Once(calm ? kCalmMs : kTroubledMs);
}

// False: it has not heard of the last failover yet.
bool Sentinel::Believes(uint64_t epoch) {
  if (epoch < epoch_) {
    const uint64_t now_ms = io_.loop.now_ms();
    if (old_since_ms_ == 0) {
      old_since_ms_ = now_ms;
      newest_old_ = 0;
    }
    newest_old_ = std::max(newest_old_, epoch);
    if (now_ms - old_since_ms_ < kOldEpochMs + 2 * settings_.timeout_ms) return false;
    log::Warning(log::Event::kTopology,
                 "{}: no Sentinel knows configuration epoch {} any more; believing {}",
                 settings_.name, epoch_, newest_old_);
    epoch_ = newest_old_;
    if (epoch < epoch_) return false;
  }
  old_since_ms_ = 0;
  epoch_ = epoch;
  return true;
}

void Sentinel::OnProbeReply(Probe& probe, size_t index, const redis::Reply& reply) {
  if (&probe == role_.get()) {
    OnRole(reply);
    return;
  }
  for (One& one : all_) {
    if (&probe == one.questions.get()) OnAnswer(one, index, reply);
    if (&probe == one.events.get()) OnEvent(reply);
  }
}

void Sentinel::OnAnswer(One& one, size_t index, const redis::Reply& reply) {
  if (index == 0) {
    one.epoch = placement::ParseConfigEpoch(reply);
    return;
  }
  if (index == 1) {
    if (!placement::ParseMasterAddress(reply, &one.primary)) one.primary = {};
    return;
  }
  failures_ = 0;
  if (std::exchange(told_silence_, false)) {
    log::Info(log::Event::kTopology, "{}: a Sentinel answers again", settings_.name);
  }
  if (one.primary.host.empty()) {
    if (!std::exchange(one.told_unknown, true)) {
      log::Warning(log::Event::kTopology, "{}: Sentinel {} does not know service '{}': {}",
                   settings_.name, one.questions->backend().name, service_,
                   reply.is_error() ? reply.text : "no such name");
    }
    return;
  }
  one.told_unknown = false;
  if (!Believes(one.epoch)) return;
  std::vector<placement::Endpoint> replicas;
  if (placement::ParseSentinelReplicas(reply, &replicas)) {
    set_.replicas.clear();
    for (const auto& replica : replicas) {
      set_.replicas.push_back(settings_.registry->Get(replica));
    }
    std::sort(set_.replicas.begin(), set_.replicas.end(),
              [](const auto& a, const auto& b) { return a->name() < b->name(); });
  }
  Verify(one.primary);
}

// message, channel, payload; the answer to SUBSCRIBE comes the same way.
void Sentinel::OnEvent(const redis::Reply& reply) {
  placement::Endpoint primary;
  if (!reply.is_array() || reply.elements.size() != 3 || reply.elements[0].text != "message" ||
      reply.elements[1].text != kSwitch ||
      !placement::ParseSwitchMaster(reply.elements[2].text, service_, &primary)) {
    return;
  }
  Verify(primary);
  next_.Once(0);
}

void Sentinel::Verify(const placement::Endpoint& endpoint) {
  auto node = settings_.registry->Get(endpoint);
  if (node == last_.primary) {
    Publish();  // the replicas may have changed
    return;
  }
  if (node == asked_) return;
  candidate_ = std::move(node);
  verify_.Once(0);
}

void Sentinel::AskRole() {
  if (candidate_ == nullptr) return;
  asked_ = std::exchange(candidate_, nullptr);
  // One that is still busy waits for a server that nobody asks about any more.
  if (role_ == nullptr || role_->busy() || !(role_->backend() == asked_->backend())) {
    role_ = std::make_unique<Probe>(io_, asked_->backend(), settings_.timeout_ms, *this);
  }
  role_->Ask("*1\r\n$4\r\nROLE\r\n", 1);
}

void Sentinel::OnRole(const redis::Reply& reply) {
  const std::shared_ptr<backend::Node> asked = std::exchange(asked_, nullptr);
  placement::Role role;
  if (told_role_of_ == asked) told_role_of_ = nullptr;
  if (!reply.is_error() && !(placement::ParseRole(reply, &role) && role.primary)) {
    if (asked == last_.primary) doubtful_ = true;  // its successor is about to be named
    return;
  }
  Take(asked);
}

void Sentinel::Take(std::shared_ptr<backend::Node> primary) {
  doubtful_ = false;
  set_.primary = std::move(primary);
  Publish();
}

void Sentinel::Publish() {
  std::erase(set_.replicas, set_.primary);
  if (set_ == last_) return;
  last_ = set_;
  settings_.found({{set_}, nullptr});
}

void Sentinel::OnProbeFailed(Probe& probe, const std::string& reason) {
  if (&probe == role_.get()) {
    OnRoleFailed(reason);
    return;
  }
  const bool listens = std::any_of(all_.begin(), all_.end(),
                                   [&](const One& one) { return one.events.get() == &probe; });
  if (listens) return;  // AskAll() listens again
  if (++failures_ < 2 * all_.size() || std::exchange(told_silence_, true)) return;
  log::Warning(log::Event::kTopology, "{}: no Sentinel answers: {}", settings_.name, reason);
}

void Sentinel::OnRoleFailed(const std::string& reason) {
  std::shared_ptr<backend::Node> asked = std::exchange(asked_, nullptr);
  if (asked != last_.primary && asked != told_role_of_) {  // the workers tell of the other
    told_role_of_ = asked;
    log::Warning(log::Event::kTopology, "{}: {} does not say its role: {}", settings_.name,
                 asked->name(), reason);
  }
  if (!role_->refusal().empty()) Take(std::move(asked));
}

}  // namespace mcrelay::route
