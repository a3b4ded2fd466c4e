// The shortest possible mcrelay: parser, Translation and one blocking connection to a real Redis.
//
// What a session, an exchange and a connection do in the daemon happens here in a loop, one command
// after the other, so that a test can say bytes in, bytes out.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/memcache/answers.h"
#include "protocol/memcache/parser.h"
#include "protocol/translate/translation.h"
#include "tests/support/redis_server.h"

namespace mcrelay::testing {

// Hands `owned` out as the view that OnReply() takes.
class ReplyView {
 public:
  explicit ReplyView(const OwnedReply& owned) {
    for (const auto& element : owned.elements) {
      elements_.push_back({element.type, element.text, element.integer, {}});
    }
    reply_ = {owned.type, owned.text, owned.integer, elements_};
  }
  [[nodiscard]] const redis::Reply& get() const { return reply_; }

 private:
  std::vector<redis::Reply> elements_;
  redis::Reply reply_;
};

inline uint64_t ClockTicks() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()) *
         16 / 1000;
}

inline int64_t UnixMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

class Relay {
 public:
  // `salt` keeps the CAS uniques of several relays apart.
  explicit Relay(const RedisServer& server, translate::Settings settings = {}, uint8_t salt = 0)
      : settings_(std::move(settings)), cas_(&ClockTicks, salt), redis_(server.socket_path()) {
    for (const auto& script : translate::AllScripts()) {
      const OwnedReply loaded = redis_.Do({"SCRIPT", "LOAD", script.text});
      REQUIRE_MESSAGE(loaded.text == script.sha1, script.name, ": ", loaded.text);
    }
  }

  // Sends whole commands, returns everything that is answered.
  std::string Send(std::string_view input) {
    const memcache::ParserLimits limits{.item_bytes = settings_.item_bytes};
    Buffer answer;
    while (!input.empty()) {
      const auto parsed = memcache::Parse(input, limits, false, 0, &command_);
      REQUIRE(parsed.status != memcache::ParseStatus::kNeedMore);
      if (parsed.status == memcache::ParseStatus::kCommand) {
        Execute(&answer);
      } else if (parsed.status == memcache::ParseStatus::kTooLarge &&
                 (command_.verb == memcache::Verb::kSet ||
                  command_.verb == memcache::Verb::kMetaSet)) {
        Buffer out;
        Finish(translation_.BeginRemoval(command_, environment(), &out), &out, &answer);
      } else {
        answer.Append(parsed.error);
      }
      input.remove_prefix(
          std::min<size_t>(input.size(), parsed.consumed + static_cast<size_t>(parsed.swallow)));
    }
    return std::string(answer.view());
  }

  [[nodiscard]] translate::Environment environment() { return {settings_, cas_, UnixMs()}; }
  [[nodiscard]] RedisClient& redis() { return redis_; }
  [[nodiscard]] const translate::Step& last() const { return last_; }
  [[nodiscard]] const translate::Translation& translation() const { return translation_; }
  // Requests sent since the last call.
  size_t TakeRequests() { return std::exchange(requests_, 0); }

  // Called between a reply and the further request it leads to: what another process may do there.
  void (*interfere)(Relay&) = nullptr;

 private:
  void Execute(Buffer* answer) {
    using memcache::Verb;
    if (command_.verb == Verb::kMetaNoop) return answer->Append(memcache::kMn);
    Buffer out;
    if (command_.verb > Verb::kGats) {
      Finish(translation_.Begin(command_, command_.key, environment(), &out), &out, answer);
      return;
    }
    std::string_view keys = command_.keys;
    std::string_view key;
    bool failed = false;
    while (memcache::NextKey(&keys, &key)) {
      const size_t before = answer->size();
      Finish(translation_.Begin(command_, key, environment(), &out), &out, answer);
      failed |= last_.outcome == translate::Outcome::kFailed && answer->size() > before;
    }
    if (!failed) answer->Append(memcache::kEnd);
  }

  void Finish(translate::Step step, Buffer* out, Buffer* answer) {
    using Kind = translate::Step::Kind;
    while (step.kind != Kind::kDone) {
      if (step.kind == Kind::kRead) {
        redis::Encoder(out).Request({"GET", translation_.redis_key()});
      }
      if (!out->empty()) {
        ++requests_;
        redis_.Send(out->view());
        out->Clear();
      }
      const OwnedReply owned = redis_.NextReply();
      const ReplyView reply(owned);
      step = translation_.OnReply(reply.get(), environment(), out, answer);
      if (interfere != nullptr && !out->empty()) interfere(*this);
    }
    last_ = step;
  }

  translate::Settings settings_;
  translate::CasSource cas_;
  RedisClient redis_;
  memcache::Command command_;
  translate::Translation translation_;
  translate::Step last_;
  size_t requests_ = 0;
};

}  // namespace mcrelay::testing
