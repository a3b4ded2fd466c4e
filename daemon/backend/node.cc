#include "daemon/backend/node.h"

#include <algorithm>

namespace mcrelay::backend {
namespace {

void AddTraffic(const Traffic& traffic, TrafficSum* sum) {
  sum->requests += traffic.requests.load(std::memory_order_relaxed);
  sum->round_trips += traffic.round_trips.Read();
}

}  // namespace

bool Node::ReportState(bool down, uint64_t now_ms) {
  const std::lock_guard lock(state_mutex_);
  if (down_.exchange(down, std::memory_order_relaxed) == down) return false;
  // Each loop's time is that of its own turn: another may be a little ahead.
  if (!down) past_down_ms_ += std::max(now_ms, changed_ms_) - changed_ms_;
  changed_ms_ = now_ms;
  return true;
}

Downtime Node::SumDowntime(uint64_t now_ms) const {
  const std::lock_guard lock(state_mutex_);
  Downtime downtime{past_down_ms_, 0};
  if (changed_ms_ == 0) return downtime;
  downtime.state_ms = std::max<uint64_t>(std::max(now_ms, changed_ms_) - changed_ms_, 1);
  if (down()) downtime.total_ms += downtime.state_ms;
  return downtime;
}

std::shared_ptr<Traffic> Node::NewTraffic() {
  auto traffic = std::make_shared<Traffic>();
  const std::lock_guard lock(traffic_mutex_);
  traffic_.push_back(traffic);
  return traffic;
}

void Node::EndTraffic(const std::shared_ptr<Traffic>& traffic) {
  const std::lock_guard lock(traffic_mutex_);
  AddTraffic(*traffic, &past_traffic_);
  std::erase(traffic_, traffic);
}

TrafficSum Node::SumTraffic() const {
  const std::lock_guard lock(traffic_mutex_);
  TrafficSum sum = past_traffic_;
  for (const auto& traffic : traffic_) {
    AddTraffic(*traffic, &sum);
    sum.in_flight += traffic->in_flight.load(std::memory_order_relaxed);
    sum.connections_up += traffic->up.load(std::memory_order_relaxed) ? 1 : 0;
  }
  return sum;
}

}  // namespace mcrelay::backend
