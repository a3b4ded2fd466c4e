// Session's way from bytes to commands: what came is parsed where it was read, each command is
// begun, and what has to wait stays in the input.

#include <algorithm>
#include <utility>

#include "daemon/client/context.h"
#include "daemon/client/counting.h"
#include "daemon/client/session.h"

namespace mcrelay::client {

using memcache::Command;
using memcache::ParseResult;
using memcache::ParseStatus;
using memcache::Verb;
using stats::Counter;

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
    if (list_.key_bytes > 0) {
      at += ContinueList(rest);
      if (stalled_) break;
      continue;
    }
    if (rest.size() < need_) break;
    size_t consumed = 0;
    // A reload may have dropped the users.
    const bool in = logged_in_ || context_.runtime->users == nullptr;
    const bool go_on = in ? Parse(rest, &consumed) : LogIn(rest, &consumed);
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
    Push(reads ? window_.read_bytes() : Window::kLineBytes)->Begin(this, command, command.key);
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
  std::string_view rest = keys;
  std::string_view key;
  std::string_view next;
  for (bool more = memcache::NextKey(&rest, &key); more; key = next) {
    if (Paused() || Held(key)) {
      list_ = {command.exptime, static_cast<uint32_t>(keys.size()),
               static_cast<uint32_t>(tail_bytes), command.verb};
      return keys.size();
    }
    keys = rest;
    more = memcache::NextKey(&rest, &next);
    Exchange* const exchange = Push(window_.read_bytes());
    exchange->in_list = true;
    exchange->ends_list = !more;
    if (command.verb <= Verb::kGets) {
      exchange->BeginRead(this, command.verb, key);
    } else {
      exchange->Begin(this, command, key);
    }
  }
  return 0;
}

size_t Session::ContinueList(std::string_view input) {
  const List list = std::exchange(list_, {});
  Command& command = context_.command;
  command.verb = list.verb;
  command.noreply = false;
  command.exptime = list.exptime;
  command.keys = input.substr(0, list.key_bytes);
  const size_t left = RunList(command, list.tail_bytes);
  if (left == 0) return list.key_bytes + list.tail_bytes;
  stalled_ = true;
  return list.key_bytes - left;
}

void Session::RefuseTooLarge(const Command& command, std::string_view error) {
  context_.counters.Add(Counter::kStoreTooLarge);
  if (command.verb == Verb::kSet || command.verb == Verb::kMetaSet) {
    Push()->BeginRemoval(this, command);
  } else {
    Say(error);
  }
}

}  // namespace mcrelay::client
