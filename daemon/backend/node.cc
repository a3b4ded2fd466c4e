#include "daemon/backend/node.h"

namespace mcrelay::backend {
namespace {

void AddTraffic(const Traffic& traffic, TrafficSum* sum) {
  sum->requests += traffic.requests.load(std::memory_order_relaxed);
  sum->round_trips += traffic.round_trips.Read();
}

}  // namespace

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
