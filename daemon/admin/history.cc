#include "daemon/admin/history.h"

#include <algorithm>
#include <utility>

namespace mcrelay::admin {

void History::Add(const View& view) {
  Sample sample;
  sample.hits = StatOr0(view, "get_hits");
  sample.misses = StatOr0(view, "get_misses");
  sample.cpu_seconds = StatOr0(view, "rusage_user") + StatOr0(view, "rusage_system");
  const int64_t since = unix_ms_ == 0 ? view.started_unix_ms : unix_ms_;
  // A clock that was set back must not make rates endless or negative.
  sample.seconds = std::max(static_cast<float>(view.unix_ms - since) / 1000, 0.5F);
  const double cpu_before = samples_.empty() ? sample.cpu_seconds : samples_.back().cpu_seconds;
  sample.cpu_share = static_cast<float>(sample.cpu_seconds - cpu_before) / sample.seconds;

  for (size_t i = 0; i < commands_.size(); ++i) {
    const stats::LatencyCounts now = view.commands[i].Since(commands_[i]);
    CommandSample& command = sample.commands[i];
    command.per_second = static_cast<float>(now.count) / sample.seconds;
    command.p50_us = static_cast<float>(now.Percentile(0.5));
    command.p99_us = static_cast<float>(now.Percentile(0.99));
    sample.commands_per_second += command.per_second;
  }
  commands_ = view.commands;

  std::vector<std::pair<std::string, uint64_t>> node_requests;
  for (const stats::NodeValues& node : view.nodes) {
    const auto before = std::find_if(node_requests_.begin(), node_requests_.end(),
                                     [&](const auto& entry) { return entry.first == node.name; });
    const uint64_t from = before == node_requests_.end() ? 0 : before->second;
    // A reload may have made the node anew.
    const uint64_t requests = node.requests >= from ? node.requests - from : node.requests;
    sample.node_requests_per_second.push_back(static_cast<float>(requests) / sample.seconds);
    node_requests.emplace_back(node.name, node.requests);
  }
  const bool same = std::equal(node_requests.begin(), node_requests.end(), node_requests_.begin(),
                               node_requests_.end(),
                               [](const auto& a, const auto& b) { return a.first == b.first; });
  if (!same) {  // other nodes now: what was drawn of the old ones is none of theirs
    for (Sample& old : samples_) old.node_requests_per_second.clear();
  }
  node_requests_ = std::move(node_requests);
  unix_ms_ = view.unix_ms;

  if (samples_.size() == kSamples) samples_.pop_front();
  samples_.push_back(std::move(sample));
}

double History::HitRatio(const View& view, int seconds) const {
  const auto steps = static_cast<size_t>(seconds / kStepSeconds);
  double hits = StatOr0(view, "get_hits");
  double misses = StatOr0(view, "get_misses");
  if (steps < samples_.size()) {
    const Sample& from = samples_[samples_.size() - 1 - steps];
    hits -= from.hits;
    misses -= from.misses;
  }
  return hits + misses > 0 ? hits / (hits + misses) : -1;
}

std::vector<double> History::HitRatios() const {
  std::vector<double> ratios;
  for (size_t i = 0; i < samples_.size(); ++i) {
    const Sample& from = samples_[i == 0 ? 0 : i - 1];
    const double hits = samples_[i].hits - from.hits;
    const double misses = samples_[i].misses - from.misses;
    ratios.push_back(hits + misses > 0 ? hits / (hits + misses) : -1);
  }
  return ratios;
}

}  // namespace mcrelay::admin
