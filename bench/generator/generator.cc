#include "bench/generator/generator.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <system_error>

#include "bench/generator/client.h"

namespace mcrelay::bench {
namespace {

constexpr size_t kInputBytes = 256 << 10;
constexpr size_t kPreloadBytesInFlight = 256 << 10;  // per connection
constexpr int64_t kStuckNs = 10'000'000'000;

int64_t ToNs(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

}  // namespace

Generator::Generator(const Options& options)
    : options_(options),
      workload_(options),
      codec_(options.protocol == Protocol::kRedis ? MakeRedisCodec(workload_)
                                                  : MakeMemcachedCodec(workload_)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      input_(kInputBytes) {}

Generator::~Generator() {
  clients_.clear();
  close(epoll_);
}

bool Generator::Connect(std::string* why) {
  for (uint32_t i = 0; i < options_.connections; ++i) {
    // Far apart, so that no two connections draw the same keys.
    clients_.push_back(std::make_unique<Client>((options_.seed << 32) + i * 0x9e3779b97f4a7c15));
    if (!clients_.back()->Connect(options_, why)) return false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = clients_.back().get();
    epoll_ctl(epoll_, EPOLL_CTL_ADD, clients_.back()->fd(), &event);
  }
  return true;
}

Result Generator::Preload() {
  Result result;
  preloading_ = true;
  depth_ =
      static_cast<uint32_t>(std::clamp<size_t>(kPreloadBytesInFlight / options_.value_max, 1, 64));
  limit_ = workload_.keys();
  Loop(&result);
  preloading_ = false;
  if (result.failure.empty() && result.answers.errors > 0) {
    result.failure = "storing the keys: " + result.answers.first_error;
  }
  return result;
}

Result Generator::Run() {
  Result result;
  counters_.clear();
  if (options_.count) {
    for (const WatchedProcess& watched : options_.watched) counters_.emplace_back(watched.pid);
  }
  depth_ = options_.depth;
  limit_ = options_.requests;
  Loop(&result);
  return result;
}

void Generator::Loop(Result* result) {
  sent_ = answered_ = due_count_ = 0;
  const bool counted = limit_ > 0;
  phase_ = counted ? Phase::kMeasure : Phase::kWarmUp;
  start_ns_ = measure_from_ns_ = NowNs();
  if (counted) result->before = ReadUsage(options_, counters_);
  const bool open_loop = options_.rate > 0 && !preloading_;
  if (!open_loop) {
    for (auto& client : clients_) Refill(client.get(), start_ns_, result);
  }
  int64_t last_answer_ns = start_ns_;
  std::vector<epoll_event> events(std::max<size_t>(clients_.size(), 64));
  while (result->failure.empty()) {
    int64_t now = NowNs();
    AdvancePhase(now, result);
    if (phase_ == Phase::kDone && AllAnswered()) break;
    if (open_loop && phase_ != Phase::kDone) SendDue(now, result);
    const uint64_t before = answered_;
    const int ready =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), WaitMs(now));
    for (int i = 0; i < ready && result->failure.empty(); ++i) {
      Serve(static_cast<Client*>(events[static_cast<size_t>(i)].data.ptr), result);
    }
    if (answered_ != before || AllAnswered()) {
      last_answer_ns = now;
    } else if (now - last_answer_ns > kStuckNs) {
      result->failure = "no answer for 10 seconds, " + std::to_string(sent_ - answered_) + " due";
    }
  }
}

void Generator::AdvancePhase(int64_t now, Result* result) {
  if (phase_ == Phase::kWarmUp && now - start_ns_ >= ToNs(options_.warmup_s)) {
    result->before = ReadUsage(options_, counters_);
    measure_from_ns_ = NowNs();
    phase_ = Phase::kMeasure;
  }
  if (phase_ != Phase::kMeasure) return;
  const bool over =
      limit_ > 0 ? answered_ >= limit_ : now - measure_from_ns_ >= ToNs(options_.seconds);
  if (!over) return;
  result->after = ReadUsage(options_, counters_);
  result->seconds = static_cast<double>(NowNs() - measure_from_ns_) / 1e9;
  phase_ = Phase::kDone;
}

int Generator::WaitMs(int64_t now) const {
  // An open loop spins: a sleeping generator would wake up late and blame the server for it.
  if (options_.rate > 0 && !preloading_ && phase_ != Phase::kDone) return 0;
  const double phase_s = phase_ == Phase::kWarmUp ? options_.warmup_s : options_.seconds;
  const int64_t from = phase_ == Phase::kWarmUp ? start_ns_ : measure_from_ns_;
  const int64_t left_ms = (from + ToNs(phase_s) - now) / 1'000'000;
  return static_cast<int>(std::clamp<int64_t>(left_ms, 1, 100));
}

void Generator::SendDue(int64_t now, Result* result) {
  for (;;) {
    const int64_t due =
        start_ns_ + static_cast<int64_t>(static_cast<double>(due_count_) * 1e9 / options_.rate);
    if (due > now || (limit_ > 0 && sent_ >= limit_)) return;
    Client* client = clients_[due_count_++ % clients_.size()].get();
    Request request = workload_.Draw(&client->random);
    request.due_ns = due;
    codec_->Append(request, &client->out);
    client->in_flight.push_back(request);
    ++sent_;
    Flush(client, result);
  }
}

bool Generator::NextRequest(Client* client, Request* request) {
  if (phase_ == Phase::kDone || (limit_ > 0 && sent_ >= limit_)) return false;
  if (preloading_) {
    request->set = true;
    request->first = static_cast<uint32_t>(sent_);
  } else {
    *request = workload_.Draw(&client->random);
  }
  return true;
}

void Generator::Refill(Client* client, int64_t now, Result* result) {
  Request request;
  while (client->in_flight.size() < depth_ && NextRequest(client, &request)) {
    request.due_ns = now;
    codec_->Append(request, &client->out);
    client->in_flight.push_back(request);
    ++sent_;
  }
  Flush(client, result);
}

void Generator::Flush(Client* client, Result* result) {
  if (!client->Send()) {
    result->failure = "send failed: " + std::system_category().message(errno);
    return;
  }
  const bool wants_write = !client->out.empty();
  if (wants_write == client->wants_write) return;
  client->wants_write = wants_write;
  epoll_event event{};
  event.events = wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = client;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, client->fd(), &event);
}

void Generator::Serve(Client* client, Result* result) {
  if (client->wants_write) Flush(client, result);
  const ssize_t n = recv(client->fd(), input_.data(), input_.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    result->failure =
        n == 0 ? "the server closed a connection" : std::system_category().message(errno);
    return;
  }
  std::string_view bytes(input_.data(), static_cast<size_t>(n));
  if (!client->in.empty()) bytes = client->in.append(bytes);
  const int64_t now = NowNs();
  size_t at = 0;
  while (at < bytes.size() && result->failure.empty()) {
    if (client->in_flight.empty()) {
      result->failure = "an answer without a request: " + std::string(bytes.substr(at, 80));
      return;
    }
    size_t used = 0;
    const ParseStatus status =
        codec_->Parse(bytes.substr(at), client->in_flight.front(), &used, &result->answers);
    if (status == ParseStatus::kMore) break;
    if (status == ParseStatus::kWrong) {
      result->failure = "a wrong answer: " + std::string(bytes.substr(at, 120));
      return;
    }
    at += used;
    Answered(client->in_flight.front(), now, result);
    client->in_flight.pop_front();
  }
  if (client->in.empty()) {
    client->in.assign(bytes.substr(at));
  } else {
    client->in.erase(0, at);
  }
  if (options_.rate == 0 || preloading_) Refill(client, now, result);
}

void Generator::Answered(const Request& request, int64_t now, Result* result) {
  ++answered_;
  if (!options_.allow_misses && result->answers.misses > 0) {
    result->failure = "a miss of a key that was stored";
  }
  if (phase_ != Phase::kMeasure) return;
  ++result->requests;
  // One that was sent during the warm-up still cost its answer, but its latency is not this
  // phase's.
  if (request.due_ns >= measure_from_ns_) result->latency.Add(now - request.due_ns);
}

}  // namespace mcrelay::bench
