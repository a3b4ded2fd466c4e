#include "daemon/route/yardstick.h"

#include <algorithm>
#include <utility>

#include "daemon/route/watcher.h"

namespace mcrelay::route {
namespace {

constexpr uint64_t kTickMs = 50;
constexpr uint64_t kPauseUs = 200'000;  // between two questions to a node
constexpr uint32_t kWeight = 4;         // of what was known, against one new measurement
constexpr uint64_t kMostUs = 60'000'000;

}  // namespace

Yardstick::Yardstick(net::Io& io, const Watcher& watcher, uint32_t timeout_ms)
    : io_(io), watcher_(watcher), timeout_ms_(timeout_ms), tick_(io.loop, [this] { Tick(); }) {
  tick_.Every(kTickMs);
}

void Yardstick::Follow(const View& view) {
  std::vector<Measured> before = std::exchange(all_, {});
  for (PlacedNode& placed : NodesOf(view)) {
    const auto known = std::find_if(before.begin(), before.end(),
                                    [&](const Measured& one) { return one.node == placed.node; });
    if (known != before.end()) {
      all_.push_back(std::move(*known));
      before.erase(known);
      continue;
    }
    Measured fresh;
    fresh.node = std::move(placed.node);
    fresh.probe = std::make_unique<Probe>(io_, fresh.node->backend(), timeout_ms_, *this);
    all_.push_back(std::move(fresh));
  }
}

void Yardstick::Tick() {
  if (auto view = watcher_.view(); view != view_) {
    Follow(*view);
    view_ = std::move(view);
  }
  const uint64_t now_us = io_.loop.now_us();
  for (Measured& one : all_) {
    if (one.probe->busy()) {
      Note(one, std::max<uint64_t>(one.smoothed_us, now_us - one.asked_us));
    } else if (one.asked_us == 0 || now_us - one.asked_us >= kPauseUs) {
      Ask(one);
    }
  }
}

void Yardstick::Ask(Measured& one) {
  one.asked_us = io_.loop.now_us();
  one.probe->Ask("*1\r\n$4\r\nPING\r\n", 1);
}

void Yardstick::Note(Measured& one, uint64_t took_us) {
  one.node->round_trip_us.store(static_cast<uint32_t>(std::clamp<uint64_t>(took_us, 1, kMostUs)),
                                std::memory_order_relaxed);
}

Yardstick::Measured& Yardstick::Of(const Probe& probe) {
  return *std::find_if(all_.begin(), all_.end(),
                       [&](const Measured& one) { return one.probe.get() == &probe; });
}

void Yardstick::OnProbeReply(Probe& probe, size_t, const redis::Reply&) {
  Measured& one = Of(probe);
  const uint64_t took_us = std::min(io_.loop.now_us() - one.asked_us, kMostUs);
  // The first one has made the connection, too: it is replaced as soon as there is a better one.
  const bool better = one.smoothed_us == 0 || took_us < one.smoothed_us;
  one.smoothed_us = static_cast<uint32_t>(
      better ? took_us : (uint64_t{one.smoothed_us} * (kWeight - 1) + took_us) / kWeight);
  Note(one, one.smoothed_us);
}

// Nobody reads there as long as the connections of the workers fail, too.
void Yardstick::OnProbeFailed(Probe& probe, const std::string&) {
  Measured& one = Of(probe);
  Note(one, std::max<uint64_t>(one.smoothed_us, uint64_t{timeout_ms_} * 1000));
}

}  // namespace mcrelay::route
