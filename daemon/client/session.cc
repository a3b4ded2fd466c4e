#include "daemon/client/session.h"

#include <algorithm>
#include <utility>

#include "daemon/client/context.h"
#include "daemon/client/counting.h"
#include "daemon/log/log.h"
#include "protocol/memcache/answers.h"

namespace mcrelay::client {

using memcache::Command;
using memcache::ParseResult;
using memcache::ParseStatus;
using memcache::Verb;
using stats::Counter;

namespace {

// What the answers in flight may probably come to; a few may always be in flight.
constexpr uint32_t kWindowBytes = 1u << 20;
// With this much in memory for the client, further values are dropped and read again later: the
// window is a guess from the values before, this is the bound.
constexpr size_t kMostAnswerBytes = 4u << 20;
constexpr uint16_t kSmallestWindow = 2;
// With this much unread, nothing more is asked for the client.
constexpr size_t kUnreadBytes = 256u << 10;

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
      average_read_bytes_(context.average_read_bytes),
      logged_in_(context.runtime->users == nullptr) {}

bool Session::Adopt(int fd) {
  if (!stream_.Adopt(fd)) return false;
  arrived_ms_ = context_.io.loop.now_ms();
  stream_.StartReading();
  return true;
}

net::StreamOwner::Space Session::OnReadSpace() {
  net::Io& io = context_.io;
  if (input_.empty()) return {io.scratch.data(), io.scratch.size()};
  // Memory follows the bytes that came, not the ones that were announced.
  const size_t wanted = need_ > input_.size() ? need_ - input_.size() : 0;
  input_.Reserve(
      std::clamp(wanted, net::kReadBytes / 16, std::max(input_.size(), net::kReadBytes)));
  return {const_cast<char*>(input_.data()) + input_.size(), input_.free_tail()};
}

void Session::OnRead(size_t bytes) {
  full_ = false;
  context_.counters.Add(Counter::kBytesRead, bytes);
  arrived_ms_ = context_.io.loop.now_ms();
  if (input_.empty()) {
    const std::string_view read(context_.io.scratch.data(), bytes);
    const size_t taken = Process(read);
    if (taken < read.size()) Keep(read.substr(taken));
  } else {
    input_.Extend(bytes);
    input_.Consume(Process(input_.view()));
    if (input_.empty()) context_.io.buffers.Return(&input_);
  }
  if (stalled_) stream_.StopReading();
}

void Session::Keep(std::string_view rest) {
  if (stream_.closing()) return;
  context_.io.buffers.Lend(&input_);
  input_.Append(rest);
}

void Session::Resume() {
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
  Learn(static_cast<uint32_t>(value_bytes));
  ++postponed_;
  MarkDirty();
  return true;
}

void Session::ReadPostponed() {
  uint32_t expected = 0;
  while (postponed_ > 0 && (expected == 0 || held_bytes_ + expected < kWindowBytes)) {
    Exchange* exchange = head_;  // anew each time: one that fails at once takes others along
    while (!exchange->postponed_) exchange = exchange->next;
    expected += average_read_bytes_;
    --postponed_;
    exchange->ReadAgain();
  }
}

// The values before are only a hint of those to come: as TCP does, start small, and grow only a
// window that was really used.
bool Session::WindowIsFull() const {
  if (reads_in_flight_ < kSmallestWindow) return false;
  return reads_in_flight_ >= window_ || expected_bytes_ >= kWindowBytes;
}

bool Session::Paused() const {
  return task_ != nullptr || in_flight_ >= context_.runtime->most_in_flight || WindowIsFull() ||
         stream_.unsent_bytes() >= kUnreadBytes || stream_.closing();
}

bool Session::Held(std::string_view key) const {
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

// Returns how many bytes of `input` are done with.
size_t Session::Process(std::string_view input) {
  size_t at = 0;
  stalled_ = held_back_ = false;
  while (at < input.size()) {
    if (Paused()) {
      stalled_ = true;
      context_.counters.Add(Counter::kConnYields);
      break;
    }
    const std::string_view rest = input.substr(at);
    if (swallow_ > 0) {
      const size_t dropped = std::min<uint64_t>(swallow_, rest.size());
      swallow_ -= dropped;
      at += dropped;
      continue;
    }
    if (list_ != nullptr) {
      at += ContinueList(rest);
      if (stalled_) break;
      continue;
    }
    if (rest.size() < need_) break;
    size_t consumed = 0;
    const bool go_on = logged_in_ ? Parse(rest, &consumed) : LogIn(rest, &consumed);
    at += consumed;
    if (!go_on) break;
  }
  return at;
}

// Runs the first command of `rest`. False: it is incomplete, has to wait, or was the last.
bool Session::Parse(std::string_view rest, size_t* consumed) {
  Command& command = context_.command;
  const ParseResult result =
      memcache::Parse(rest, context_.runtime->parser, first_, scanned_, &command);
  if (result.status == ParseStatus::kNeedMore) {
    need_ = static_cast<uint32_t>(std::max(result.need, rest.size() + 1));
    scanned_ = static_cast<uint32_t>(result.scanned);
    return false;
  }
  need_ = scanned_ = 0;
  *consumed = result.consumed;
  if (result.status != ParseStatus::kBinary) first_ = false;
  switch (result.status) {
    case ParseStatus::kCommand:
      if (!Run(command, rest, consumed)) return false;
      break;
    case ParseStatus::kTooLarge:
      if (Held(command.key)) return Wait(consumed);
      RefuseTooLarge(command, result.error);
      break;
    case ParseStatus::kError:
      CountRefused(command.verb, result.error, &context_.counters);
      Say(result.error);
      break;
    case ParseStatus::kBinary:
      RefuseBinary(rest);
      [[fallthrough]];
    default:  // kClose
      EndInput();
      *consumed = rest.size();
      return false;
  }
  swallow_ = result.swallow;
  return !ending_;
}

// False: more has to come, or nothing more will be read.
bool Session::LogIn(std::string_view rest, size_t* consumed) {
  constexpr char kBinaryMagic = '\x80';
  if (first_ && rest.front() == kBinaryMagic) {
    RefuseBinary(rest);
    *consumed = rest.size();
    EndInput();
    return false;
  }
  first_ = false;
  const LoginResult result = ReadLogin(rest, *context_.runtime->users);
  *consumed = result.consumed;
  need_ = static_cast<uint32_t>(result.status == LoginStatus::kNeedMore ? rest.size() + 1 : 0);
  if (result.status == LoginStatus::kNeedMore) return false;
  if (result.status == LoginStatus::kClose) {
    EndInput();
    return false;
  }
  if (result.status != LoginStatus::kRefused) context_.counters.Add(Counter::kAuthCmds);
  if (result.status == LoginStatus::kFailed) context_.counters.Add(Counter::kAuthErrors);
  logged_in_ = result.status == LoginStatus::kIn;
  Say(result.answer);
  return true;
}

// The command stays in the input until what it waits for is done.
bool Session::Wait(size_t* consumed) {
  *consumed = 0;
  stalled_ = held_back_ = true;
  return false;
}

bool Session::Run(const Command& command, std::string_view rest, size_t* consumed) {
  switch (command.verb) {
    case Verb::kGet:
    case Verb::kGets:
    case Verb::kGat:
    case Verb::kGats: {
      const size_t keys_end = command.keys.data() + command.keys.size() - rest.data();
      const size_t left = RunList(command, *consumed - keys_end);
      if (left == 0) return true;
      *consumed = keys_end - left;  // the list goes on from there
      stalled_ = true;
      return false;
    }
    case Verb::kQuit:
      EndInput();
      *consumed = rest.size();
      return false;
    default:
      break;
  }
  if (command.verb <= Verb::kMetaDebug) {
    if (Held(command.key)) return Wait(consumed);
    const bool reads = command.verb == Verb::kMetaGet;
    Push(reads ? average_read_bytes_ : kLineBytes)->Begin(this, command, command.key);
    return true;
  }
  // They must not overtake a second step.
  if (holds_ > 0 || (head_ != nullptr && RunsAlone(command.verb))) return Wait(consumed);
  RunServerCommand(command);
  return true;
}

// Starts the keys of a retrieval one by one. Returns how many bytes of the list had to wait.
size_t Session::RunList(const Command& command, size_t tail_bytes) {
  std::string_view keys = command.keys;
  std::string_view key;
  for (std::string_view rest = keys; memcache::NextKey(&rest, &key); keys = rest) {
    if (Paused() || Held(key)) {
      list_ = std::make_unique<List>(List{command.verb, command.exptime, keys.size(), tail_bytes});
      return keys.size();
    }
    Exchange* const exchange = Push(average_read_bytes_);
    exchange->in_list = true;
    std::string_view after = rest;
    std::string_view ignored;
    exchange->ends_list = after.empty() || !memcache::NextKey(&after, &ignored);
    exchange->Begin(this, command, key);
  }
  return 0;
}

size_t Session::ContinueList(std::string_view input) {
  const std::unique_ptr<List> list = std::move(list_);
  Command& command = context_.command;
  command.verb = list->verb;
  command.noreply = false;
  command.exptime = list->exptime;
  command.keys = input.substr(0, list->key_bytes);
  const size_t left = RunList(command, list->tail_bytes);
  if (left == 0) return list->key_bytes + list->tail_bytes;
  stalled_ = true;
  return list->key_bytes - left;
}

void Session::RefuseTooLarge(const Command& command, std::string_view error) {
  context_.counters.Add(Counter::kStoreTooLarge);
  if (command.verb == Verb::kSet || command.verb == Verb::kMetaSet) {
    Push()->BeginRemoval(this, command);
  } else {
    Say(error);
  }
}

Exchange* Session::Push(uint32_t expected_bytes) {
  Exchange* const exchange = context_.exchanges.Take();
  exchange->next = nullptr;
  exchange->in_list = exchange->ends_list = false;
  (tail_ == nullptr ? head_ : tail_->next) = exchange;
  tail_ = exchange;
  exchange->expected_bytes = expected_bytes;
  ++in_flight_;
  expected_bytes_ += expected_bytes;
  if (expected_bytes != kLineBytes) ++reads_in_flight_;
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
}

void Session::Pop() {
  Exchange* const exchange = head_;
  head_ = exchange->next;
  if (head_ == nullptr) tail_ = nullptr;
  --in_flight_;
  expected_bytes_ -= exchange->expected_bytes;
  if (exchange->expected_bytes != kLineBytes) {
    --reads_in_flight_;
    if (stalled_ && window_ < context_.runtime->most_in_flight) ++window_;
  }
  Buffer& held = exchange->held();
  held_bytes_ -= held.size();
  if (!held.empty()) stream_.out().Append(held.view());
  if (exchange->in_list) EndListKey(exchange);
  if (exchange->expected_bytes != kLineBytes) Learn(exchange->answer_bytes());
  // Waiting for the window is no reason to be overdue: the node that made it wait answers at once
  // now.
  if (stalled_ && (!held_back_ || exchange->answered())) arrived_ms_ = context_.io.loop.now_ms();
  exchange->Leave();
}

void Session::Learn(uint32_t read_bytes) {
  const auto blend = [&](uint32_t average, uint32_t weight) {
    return std::max<uint32_t>(
        static_cast<uint32_t>((uint64_t{average} * (weight - 1) + read_bytes) / weight),
        kLineBytes + 1);
  };
  // Up at once, down slowly: one large value may announce more.
  average_read_bytes_ = std::max(blend(average_read_bytes_, 8), std::min(read_bytes, kWindowBytes));
  context_.average_read_bytes = blend(context_.average_read_bytes, 64);
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
  if (dirty_ || stream_.closing()) return;
  dirty_ = true;
  context_.dirty.push_back(this);
}

void Session::Flush() {
  dirty_ = false;
  if (stream_.closing()) return;
  const bool was_full = stream_.unsent_bytes() >= kUnreadBytes;
  if (stream_.has_output()) {
    context_.counters.Add(Counter::kBytesWritten, stream_.out().size());
    stream_.Flush();
    if (stream_.closing()) return;
  }
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
  } else if (was_full && ((stalled_ && !Paused()) ||
                          (postponed_ > 0 && stream_.unsent_bytes() < kUnreadBytes))) {
    MarkDirty();  // this write made the room it waited for
  }
}

void Session::OnDrained() {
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
