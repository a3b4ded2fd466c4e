// History remembers the last 15 minutes for the status page: rates and percentiles of each command,
// hits and misses, every few seconds.
//
//   samples_: | oldest ... newest |   at most kSamples; each is what happened in one step
//
// Owned by the admin server, whose sampler adds to it while its other threads read: not
// thread-safe, the owner locks. About 70 KB.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "daemon/admin/view.h"

namespace mcrelay::admin {

class History {
 public:
  static constexpr int kStepSeconds = 3;
  static constexpr size_t kSamples = 15 * 60 / kStepSeconds;

  struct CommandSample {
    float per_second = 0;
    float p50_us = 0;  // 0: no sample in this step
    float p99_us = 0;
  };
  struct Sample {
    double hits = 0;  // since the start
    double misses = 0;
    double cpu_seconds = 0;
    float seconds = 0;    // this step's length
    float cpu_share = 0;  // of one core
    float commands_per_second = 0;
    std::array<CommandSample, stats::kCommands> commands{};
    std::vector<float> node_requests_per_second;  // in the order of the view's nodes
  };

  // To be called every kStepSeconds.
  void Add(const View& view);

  [[nodiscard]] const std::deque<Sample>& samples() const { return samples_; }
  // Hits among the reads of the last `seconds` before `view`, or since the start; -1 without reads.
  [[nodiscard]] double HitRatio(const View& view, int seconds) const;
  // The same of each step, oldest first; the oldest has no step before it and counts as without.
  [[nodiscard]] std::vector<double> HitRatios() const;

 private:
  std::deque<Sample> samples_;
  std::array<stats::LatencyCounts, stats::kCommands> commands_;  // as of the last Add()
  std::vector<std::pair<std::string, uint64_t>> node_requests_;
  int64_t unix_ms_ = 0;
};

}  // namespace mcrelay::admin
