#include "daemon/backend/connection.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "daemon/log/log.h"
#include "protocol/redis/encoder.h"

namespace mcrelay::backend {
namespace {

// A buffer of requests above this is given back after a burst.
constexpr size_t kMostKeptBytes = 1u << 20;

void Add(std::atomic<uint64_t>& counter, uint64_t amount = 1) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}
// For counters with one writer: no locked instruction.
void AddOwn(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

Connection::Connection(net::Io& io, std::shared_ptr<const Settings> settings,
                       std::shared_ptr<Node> node, BatchCounters& batch_counters,
                       uint64_t random_seed, bool reads_replica)
    : io_(io),
      shared_settings_(std::move(settings)),
      settings_(*shared_settings_),
      node_(std::move(node)),
      traffic_(node_->NewTraffic()),
      batch_counters_(batch_counters),
      link_settings_{
          node_->backend(), settings_.connect_ms, settings_.reply_bytes, settings_.scripts, 0,
          reads_replica},
      random_(random_seed | 1),
      retry_(io.loop, [this] { Open(); }),
      chores_(io.loop, [this] { DoChores(); }) {
  Open();
}

Connection::~Connection() {
  if (link_ != nullptr) link_->Close();
  for (Link* link : retired_) link->Close();
  LoseInFlight();
  LoseQueued();
  node_->EndTraffic(traffic_);
}

bool Connection::accepts() const {
  return !ejected_ && !distrusted_ && slots_.size() < settings_.most_in_flight &&
         (state_ == State::kUp ? link_->unsent_bytes() : 0) + requests_.size() +
                 batch_keys_.size() <
             settings_.most_unsent_bytes;
}

void Connection::Expect(Waiter* waiter, uint64_t arrived_ms) {
  slots_.Push({waiter, arrived_ms + settings_.request_ms, 0});
}

void Connection::Read(std::string_view key, Waiter* waiter, uint64_t arrived_ms) {
  redis::Encoder(&batch_keys_).Arg(key);
  batch_.push_back({waiter, arrived_ms + settings_.request_ms, 0});
  if (batch_.size() >= settings_.merge_keys ||
      batch_.size() * expected_value_bytes_ >= settings_.merge_bytes) {
    CloseBatch();
  }
}

void Connection::CloseBatch() {
  if (batch_.empty()) return;
  redis::Encoder encoder(&requests_);
  if (batch_.size() == 1) {
    encoder.Begin(2).Arg("GET");
  } else {
    encoder.Begin(1 + batch_.size()).Arg("MGET");
  }
  requests_.Append(batch_keys_.view());
  batch_.front().batch = static_cast<uint32_t>(batch_.size());
  for (const Slot& slot : batch_) slots_.Push(slot);

  const size_t bucket = std::bit_width(batch_.size() - 1);
  AddOwn(batch_counters_.batches[std::min<size_t>(bucket, BatchCounters::kBuckets - 1)], 1);
  AddOwn(batch_counters_.keys, batch_.size());
  batch_.clear();
  batch_keys_.Clear();
}

void Connection::OnTurnEnd() {
  if (!batch_.empty()) CloseBatch();
  traffic_->in_flight.store(slots_.size(), std::memory_order_relaxed);
  if (state_ != State::kUp || requests_.empty()) return;
  if (sampled_ == 0) {
    sampled_ = sent_ + 1;
    sampled_us_ = io_.loop.now_us();
  }
  AddOwn(traffic_->requests, slots_.size() - sent_);
  sent_ = slots_.size();
  link_->Send(&requests_);
  if (requests_.empty() && requests_.capacity() > kMostKeptBytes) requests_.Release();
}

void Connection::CheckDeadlines(uint64_t now_ms) {
  if (pending() == 0) return;
  const Slot& oldest = slots_.empty() ? batch_.front() : slots_.front();
  if (oldest.deadline_ms >= now_ms) return;
  // What grew overdue before this turn could send it says nothing against a connection that is up,
  // and only a new one's handshake would end the distrust.
  if (sent_ > 0 || state_ != State::kUp) {
    if (++overdue_ >= settings_.overdue) distrusted_ = true;
  }
  if (sent_ > 0) {
    Add(node_->counters.timeouts);
    link_->Fail("no reply within the request timeout");
  } else {
    LoseQueued();
  }
}

bool Connection::StreamArray(size_t count) {
  if (sent_ == 0 || slots_.front().batch < 2) return false;
  if (count != slots_.front().batch) {
    link_->Fail("an MGET reply of the wrong length");
    return false;
  }
  return true;
}

void Connection::OnElement(const redis::Reply& reply, size_t) {
  expected_value_bytes_ = (expected_value_bytes_ * 15 + reply.text.size()) / 16 + 1;
  Answer(reply);
}

void Connection::OnReply(const redis::Reply& reply) {
  if (sent_ == 0) {
    link_->Fail("a reply nobody asked for");
    return;
  }
  if (reply.is_error()) CountError(reply.text);
  const uint32_t batch = slots_.front().batch;
  if (batch < 2) {
    if (batch == 1)
      expected_value_bytes_ = (expected_value_bytes_ * 15 + reply.text.size()) / 16 + 1;
    Answer(reply);
    return;
  }
  // One reply for a whole MGET: an error speaks for every key, anything else is not an answer.
  if (!reply.is_error()) {
    link_->Fail("not an array in reply to MGET");
    return;
  }
  for (uint32_t i = 0; i < batch && sent_ > 0; ++i) Answer(reply);
}

void Connection::CountError(std::string_view text) {
  const redis::ErrorKind kind = redis::ClassifyError(text);
  Add(node_->counters.errors[static_cast<size_t>(kind)]);
  if (redis::IsNodeState(kind) && node_->WorthTelling(kind, io_.loop.now_ms())) {
    log::Warning(log::Event::kNodeRefuses, "node {} refuses commands: {}", node_->name(), text);
  }
}

// Finishes the oldest slot, then calls out: the waiter may queue more on this very connection.
void Connection::Answer(const redis::Reply& reply) {
  Waiter* const waiter = slots_.front().waiter;
  slots_.Pop();
  --sent_;
  failures_ = overdue_ = 0;
  if (sampled_ != 0 && --sampled_ == 0) {
    traffic_->round_trips.Add(io_.loop.now_us() - sampled_us_);
  }
  if (!waiter->OnReply(reply) && link_ != nullptr)
    link_->Fail("a reply that does not fit its request");
}

void Connection::Open() {
  if (!node_->has_address()) {
    ejected_ = true;
    refusal_ = node_->refusal();
    return;
  }
  state_ = State::kConnecting;
  opened_ms_ = io_.loop.now_ms();
  Add(node_->counters.connects);
  link_ = Link::Open(io_, link_settings_, this);
}

void Connection::OnLinkUp() {
  state_ = State::kUp;
  refusal_.clear();
  traffic_->up.store(true, std::memory_order_relaxed);
  sent_ = sampled_ = 0;
  ejected_ = false;
  distrusted_ = false;
  killing_.clear();
  if (node_->removals().HasChores()) StartChores();
  if (node_->ReportUp(io_.loop.now_ms())) {
    log::Info(log::Event::kNodeUp, "node {} is up again", node_->name());
  }
}

void Connection::OnLinkDown(const std::string& reason, bool by_us) {
  const bool was_idle = state_ == State::kUp && slots_.empty();
  if (state_ != State::kUp) ++link_settings_.attempt;  // a name's next address may answer
  // What it was sent may still be executed: known to the node before anybody hears of the failure.
  if (sent_ > 0) {
    std::shared_ptr<OldConnection> old = node_->removals().Retire(link_->server_side());
    if (by_us) {
      link_->Retire(std::move(old));
      retired_.push_back(link_);
    } else {
      old->OnClosed();
    }
  }
  refusal_ = link_->refusal();
  link_ = nullptr;
  state_ = State::kWaiting;
  traffic_->up.store(false, std::memory_order_relaxed);
  sampled_ = 0;
  Add(node_->counters.failures);
  // An idle connection that the server closed says nothing against the node.
  if (!was_idle) ++failures_;
  Retry(reason);
  LoseInFlight();
  if (ejected_ || node_->removals().any()) LoseQueued();
}

void Connection::OnRetiredEnd(Link* link) { std::erase(retired_, link); }

void Connection::Retry(const std::string& reason) {
  if (failures_ >= settings_.failures && !ejected_) {
    ejected_ = true;
    Add(node_->counters.ejections);
    if (node_->ReportDown(io_.loop.now_ms())) {
      log::Warning(log::Event::kNodeDown, "node {} ({}) is down: {}; probing in the background",
                   node_->name(), node_->backend().location, reason);
    }
  }
  // xorshift: the jitter must only differ between workers and processes.
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  uint64_t pause = 0;
  if (failures_ > 1) {
    pause = std::min<uint64_t>(uint64_t{settings_.probe_min_ms} << std::min(failures_ - 2, 16U),
                               settings_.probe_max_ms);
    pause = pause / 2 + random_ % (pause / 2 + 1);
  }
  // A server that drops every connection at once must not be hammered.
  const uint64_t since = io_.loop.now_ms() - opened_ms_;
  if (since < settings_.probe_min_ms) pause = std::max(pause, settings_.probe_min_ms - since);
  retry_.Once(pause);
}

void Connection::LoseInFlight() {
  // The waiters may queue retries here: take them out first.
  std::vector<Waiter*> lost;
  for (; sent_ > 0; --sent_) {
    lost.push_back(slots_.front().waiter);
    slots_.Pop();
  }
  // The rest starts a pipeline of its own; a batch was closed as a whole, so it is whole here.
  for (Waiter* waiter : lost) waiter->OnLost();
}

void Connection::LoseQueued() {
  std::vector<Waiter*> lost;
  for (; !slots_.empty(); slots_.Pop()) lost.push_back(slots_.front().waiter);
  for (const Slot& slot : batch_) lost.push_back(slot.waiter);
  batch_.clear();
  batch_keys_.Clear();
  requests_.Clear();
  for (Waiter* waiter : lost) waiter->OnLost();
}

}  // namespace mcrelay::backend
