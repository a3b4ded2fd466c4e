#include "daemon/client/session.h"

#include <algorithm>
#include <utility>

#include "daemon/client/context.h"
#include "daemon/log/log.h"
#include "protocol/memcache/answers.h"

namespace mcrelay::client {

using stats::Counter;

namespace {

// With this much in memory for the client, further values are dropped and read again later: the
// window is a guess from the values before, this is the bound.
constexpr size_t kMostAnswerBytes = 4u << 20;
// With this much unread, nothing more is asked for the client.
constexpr size_t kUnreadBytes = 256u << 10;
// Output that leaves before the turn ends: of a client that has all its answers, and of any.
constexpr size_t kMuchBytes = 4u << 10;
constexpr size_t kFullBytes = 32u << 10;

// A bit that tells most keys apart; equal keys have equal bits.
uint64_t KeyBit(std::string_view key) {
  return uint64_t{1} << ((key.size() * 7 + static_cast<unsigned char>(key.front()) * 3 +
                          static_cast<unsigned char>(key.back())) &
                         63);
}

}  // namespace

Session::Session(Context& context, net::Stream::Kind kind)
    : context_(context),
      stream_(context.io.loop, context.io.buffers, this, kind),
      window_(context.average_read_bytes),
      logged_in_(context.runtime->users == nullptr) {}

bool Session::Adopt(int fd) {
  if (!stream_.Adopt(fd)) return false;
  arrived_ms_ = context_.io.loop.now_ms();
  stream_.StartReading();
  return true;
}

void Session::Resume() {
  changed_ = false;
  if (postponed_ > 0 && !stream_.closing() && stream_.unsent_bytes() < kUnreadBytes)
    ReadPostponed();
  if (!stalled_ || stream_.closing() || Paused()) return;
  if (full_) arrived_ms_ = context_.io.loop.now_ms();  // that wait was the client's own
  input_.Consume(Process(input_.view()));
  if (input_.empty()) context_.io.buffers.Return(&input_);
  if (!stalled_ && !ending_) stream_.StartReading();
}

// A value that the client has no room for. Not when a later command of its own on the key is under
// way already: what is read again must not be newer than what was asked.
bool Session::Postpones(const Exchange& exchange, size_t value_bytes) {
  // The oldest goes straight out: what is held waits for it.
  const size_t waiting = stream_.unsent_bytes() + (&exchange == head_ ? 0 : held_bytes_);
  if (waiting < kMostAnswerBytes) return false;
  for (const Exchange* later = exchange.next; later != nullptr; later = later->next) {
    if (later->connection_ != nullptr && later->key() == exchange.key()) return false;
  }
  window_.Learn(static_cast<uint32_t>(value_bytes), &context_.average_read_bytes);
  ++postponed_;
  MarkDirty();
  return true;
}

void Session::ReadPostponed() {
  uint32_t expected = 0;
  while (postponed_ > 0 && (expected == 0 || held_bytes_ + expected < Window::kBytes)) {
    Exchange* exchange = head_;  // anew each time: one that fails at once takes others along
    while (!exchange->flags_.postponed) exchange = exchange->next;
    expected += window_.read_bytes();
    --postponed_;
    exchange->ReadAgain();
  }
}

bool Session::Paused() const {
  return task_ != nullptr || in_flight_ >= context_.runtime->most_in_flight || window_.full() ||
         stream_.unsent_bytes() >= kUnreadBytes || stream_.closing();
}

bool Session::Held(std::string_view key) const {
  if (holds_ == 0 && !context_.router->unsettled()) return false;
  if (context_.router->unsettled()) {
    bool moved = false;
    for (Exchange* exchange = head_; exchange != nullptr; exchange = exchange->next) {
      if (exchange->HoldIfMoved(key)) moved = true;
    }
    if (moved) return true;
  }
  if (holds_ == 0 || (hold_bits_ & KeyBit(key)) == 0) return false;
  for (const Exchange* exchange = head_; exchange != nullptr; exchange = exchange->next) {
    if (exchange->Holds(key)) return true;
  }
  return false;
}

void Session::AddHold(std::string_view key) {
  ++holds_;
  hold_bits_ |= KeyBit(key);
}

void Session::DropHold() {
  if (--holds_ == 0) hold_bits_ = 0;
}

Exchange* Session::Push(uint32_t expected_bytes) {
  Exchange* const exchange = context_.exchanges.Take();
  exchange->next = nullptr;
  exchange->in_list = exchange->ends_list = false;
  (tail_ == nullptr ? head_ : tail_->next) = exchange;
  tail_ = exchange;
  exchange->expected_bytes = expected_bytes;
  ++in_flight_;
  window_.Enter(expected_bytes);
  return exchange;
}

void Session::Say(std::string_view answer) {
  if (answer.empty()) return;
  if (head_ != nullptr) {
    Push()->BeginLocal(this, answer);
    return;
  }
  stream_.out().Append(answer);
  MarkDirty();
}

Buffer& Session::TaskOutput() {
  MarkDirty();
  return stream_.out();
}

bool Session::TakesMore() const { return stream_.unsent_bytes() < kUnreadBytes; }

void Session::EndTask(std::string_view answer) {
  const std::unique_ptr<Task> task = std::move(task_);
  if (!answer.empty()) stream_.out().Append(answer);
  arrived_ms_ = context_.io.loop.now_ms();  // what waited for it is not overdue
  MarkDirty();
}

void Session::OnDone(Exchange* exchange) {
  if (exchange != head_) {
    held_bytes_ += exchange->held().size();
    if (held_bytes_ > context_.runtime->most_output_bytes) MarkDirty();
    return;
  }
  while (head_ != nullptr && head_->done()) Pop();
  MarkDirty();
  // What is much leaves while it is in the nearest cache, and its memory serves the next client.
  if (stream_.unsent_bytes() >= (head_ == nullptr ? kMuchBytes : kFullBytes)) stream_.FlushEarly();
}

void Session::Pop() {
  Exchange* const exchange = head_;
  head_ = exchange->next;
  if (head_ == nullptr) {
    tail_ = nullptr;
  } else {
    Exchange::Prefetch(head_->next);
  }
  --in_flight_;
  window_.Leave(exchange->expected_bytes, stalled_, context_.runtime->most_in_flight);
  Buffer& held = exchange->held();
  held_bytes_ -= held.size();
  if (!held.empty()) stream_.out().Append(held.view());
  if (exchange->in_list) EndListKey(exchange);
  if (exchange->expected_bytes != Window::kLineBytes)
    window_.Learn(exchange->answer_bytes(), &context_.average_read_bytes);
  // Waiting for the window is no reason to be overdue: the node that made it wait answers at once
  // now.
  if (stalled_ && (!held_back_ || exchange->answered())) arrived_ms_ = context_.io.loop.now_ms();
  exchange->Leave();
}

// The whole list ends in END, or in the first failure of one of its keys.
void Session::EndListKey(Exchange* exchange) {
  Buffer& out = stream_.out();
  if (exchange->failed() && exchange->answer_bytes() > 0) {
    const size_t at = out.size() - exchange->answer_bytes();
    if (list_error_ == nullptr) list_error_ = std::make_unique<std::string>(out.view().substr(at));
    out.Truncate(at);
  }
  if (!exchange->ends_list) return;
  if (list_error_ != nullptr) {
    out.Append(*list_error_);
    list_error_.reset();
  } else {
    out.Append(memcache::kEnd);
  }
}

void Session::MarkDirty() {
  changed_ = true;
  if (dirty_ || stream_.closing()) return;
  dirty_ = true;
  context_.dirty.push_back(this);
}

void Session::Flush() {
  dirty_ = false;
  if (stream_.closing()) return;
  const bool was_full = stream_.unsent_bytes() >= kUnreadBytes;
  if (stream_.has_output()) {
    stream_.Flush();
    if (stream_.closing()) return;
  }
  CountSent();
  const size_t unsent = stream_.unsent_bytes() + held_bytes_;
  if (unsent > context_.runtime->most_output_bytes) {
    context_.counters.Add(Counter::kClosedOverLimit);
    log::Warning(log::Event::kClient, "closed a client that left {} bytes of answers unread",
                 unsent);
    Destroy();
  } else if (task_ != nullptr) {
    task_->OnFlushed();
  } else if (ending_ && head_ == nullptr && !stalled_ && unsent == 0) {
    Destroy();
  } else if ((changed_ || was_full) &&
             ((stalled_ && !Paused()) ||
              (postponed_ > 0 && stream_.unsent_bytes() < kUnreadBytes))) {
    MarkDirty();  // what it waited for failed when the routers wrote, or this write made the room
  }
}

void Session::CountSent() {
  context_.counters.Add(Counter::kBytesWritten, stream_.TakeSentBytes());
}

void Session::OnDrained() {
  CountSent();
  full_ = true;
  if (stalled_ || postponed_ > 0 || ending_ || task_ != nullptr) MarkDirty();
}

// Nothing more is read or parsed; what was asked is answered, then the session ends.
void Session::EndInput() {
  ending_ = true;
  stream_.StopReading();
  MarkDirty();
}

void Session::OnEnd(int error) {
  if (error == 0) {
    EndInput();  // a half-closed client still gets its answers
  } else {
    Destroy();
  }
}

bool Session::idle_since(uint64_t since_ms) const {
  return head_ == nullptr && task_ == nullptr && !stalled_ && arrived_ms_ < since_ms &&
         stream_.unsent_bytes() == 0;
}

void Session::Drain(uint64_t silent_since_ms, bool last_call) {
  if (idle_since(silent_since_ms)) {
    Destroy();
  } else if (last_call) {
    EndInput();
  }
}

void Session::CloseIfIdle(uint64_t since_ms) {
  if (!idle_since(since_ms)) return;
  context_.counters.Add(Counter::kClosedIdle);
  Destroy();
}

void Session::Destroy() {
  if (stream_.closing()) return;
  task_.reset();
  while (head_ != nullptr) {
    Exchange* const exchange = head_;
    head_ = exchange->next;
    exchange->Leave();
  }
  tail_ = nullptr;
  input_.Clear();
  context_.io.buffers.Return(&input_);
  stalled_ = false;
  stream_.Close();
}

void Session::OnClosed() { context_.control.OnSessionClosed(this); }

}  // namespace mcrelay::client
