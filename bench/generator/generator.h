// Generator: opens the connections, keeps the asked number of requests going, and measures.
//
// One thread and one epoll set. Used once per phase: Preload(), then Run(). A connection that
// cannot be opened, breaks or answers wrongly ends the phase with a message in Result::failure.
//
//   Draw -> Append -> send                       recv -> Parse (checked) -> latency -> next Draw
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/generator/codec.h"
#include "bench/generator/histogram.h"
#include "bench/generator/options.h"
#include "bench/generator/usage.h"
#include "bench/generator/workload.h"

namespace mcrelay::bench {

struct Result {
  std::string failure;  // empty: all went well
  double seconds = 0;
  uint64_t requests = 0;  // answered while measuring
  Answers answers;        // of the whole phase
  Histogram latency;
  Usage before, after;
};

class Client;

class Generator {
 public:
  explicit Generator(const Options& options);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // Opens all connections. False, and a message in *why, when one cannot be.
  [[nodiscard]] bool Connect(std::string* why);
  // Stores every key once.
  [[nodiscard]] Result Preload();
  [[nodiscard]] Result Run();

 private:
  enum class Phase : uint8_t { kWarmUp, kMeasure, kDone };

  void Loop(Result* result);
  void AdvancePhase(int64_t now, Result* result);
  void SendDue(int64_t now, Result* result);
  void Serve(Client* client, Result* result);
  void Answered(const Request& request, int64_t now, Result* result);
  void Refill(Client* client, int64_t now, Result* result);
  void Flush(Client* client, Result* result);
  [[nodiscard]] bool NextRequest(Client* client, Request* request);
  [[nodiscard]] int WaitMs(int64_t now) const;
  [[nodiscard]] bool AllAnswered() const { return sent_ == answered_; }

  const Options options_;
  const Workload workload_;
  const std::unique_ptr<Codec> codec_;
  std::vector<std::unique_ptr<Client>> clients_;
  int epoll_ = -1;
  std::vector<Counters> counters_;
  std::vector<char> input_;  // shared by all connections: what one recv() brings

  bool preloading_ = false;
  uint32_t depth_ = 1;
  uint64_t limit_ = 0;  // requests to send, 0: as many as time allows
  uint64_t sent_ = 0;
  uint64_t answered_ = 0;
  Phase phase_ = Phase::kWarmUp;
  int64_t start_ns_ = 0;
  int64_t measure_from_ns_ = 0;
  uint64_t due_count_ = 0;  // open loop: requests that have become due
};

}  // namespace mcrelay::bench
