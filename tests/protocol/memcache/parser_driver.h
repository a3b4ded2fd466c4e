// ParserDriver drives Parse() as a session does, and writes down what it said.
//
// Bytes come in pieces; what is not consumed is kept; `need` and `scanned` of a kNeedMore are
// honoured; `swallow` drops bytes that came already or are still to come. Each call gets an exact
// copy of the kept bytes, so that a sanitizer sees a read behind their end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/memcache/parser.h"

namespace mcrelay::memcache {

class ParserDriver {
 public:
  using Describe = std::string (*)(const Command&);

  ParserDriver(const ParserLimits& limits, Describe describe)
      : limits_(limits), describe_(describe) {}

  void Feed(std::string_view piece) {
    if (closed_) return;
    const auto dropped = static_cast<size_t>(std::min<uint64_t>(swallow_, piece.size()));
    swallow_ -= dropped;
    kept_.append(piece.substr(dropped));
    while (!closed_ && !kept_.empty() && kept_.size() >= need_ && Step()) {
    }
  }

  // One line per outcome: what `describe` says of a command, `! <error line>` (`! silent` when
  // nothing is to be answered), `too large <command>: <error line>`, `close`, `binary`; a last line
  // `... <n> more` if the end is half read.
  [[nodiscard]] std::string Transcript() const {
    if (closed_ || (kept_.empty() && swallow_ == 0)) return transcript_;
    const uint64_t missing = swallow_ > 0 ? swallow_ : need_ - kept_.size();
    return transcript_ + "... " + std::to_string(missing) + " more\n";
  }

  // A promise of parser.h that was broken; empty when all were kept.
  [[nodiscard]] const std::string& violation() const { return violation_; }

 private:
  // False when more bytes are needed.
  bool Step() {
    const size_t size = kept_.size();
    const auto copy = std::make_unique<char[]>(size);
    std::memcpy(copy.get(), kept_.data(), size);
    const std::string_view input(copy.get(), size);
    const ParseResult result = Parse(input, limits_, first_, scanned_, &command_);
    if (result.status == ParseStatus::kNeedMore) {
      if (result.need <= size) violation_ = "needs what is there already";
      if (result.scanned > size) violation_ = "scanned behind the end";
      need_ = result.need;
      scanned_ = result.scanned;
      return false;
    }
    if (result.status == ParseStatus::kCommand) CheckViews(input);
    Write(result);
    need_ = scanned_ = 0;
    first_ = false;
    if (!closed_) Consume(result);
    return true;
  }

  void Consume(const ParseResult& result) {
    if (result.consumed == 0) violation_ = "consumed nothing";
    if (result.consumed > kept_.size()) violation_ = "consumed more than there is";
    if (result.swallow > 0 && result.error.empty() && result.status == ParseStatus::kCommand) {
      violation_ = "a good command swallows";
    }
    kept_.erase(0, result.consumed);
    const auto dropped = static_cast<size_t>(std::min<uint64_t>(result.swallow, kept_.size()));
    kept_.erase(0, dropped);
    swallow_ = result.swallow - dropped;
  }

  // Every view of the command lies in the input, the decoded key in the command.
  void CheckViews(std::string_view input) {
    const auto inside = [](std::string_view view, std::string_view whole) {
      return view.empty() || (view.data() >= whole.data() &&
                              view.data() + view.size() <= whole.data() + whole.size());
    };
    const std::string_view decoded(command_.decoded_key.data(), command_.decoded_key.size());
    const Verb verb = command_.verb;
    bool good = true;
    if (verb <= Verb::kGats) good = inside(command_.keys, input);
    if (verb >= Verb::kSet && verb <= Verb::kMetaDebug) {
      good = inside(command_.key, input) || inside(command_.key, decoded);
    }
    if ((verb >= Verb::kSet && verb <= Verb::kCas) || verb == Verb::kMetaSet) {
      good = good && inside(command_.value, input);
    }
    if (verb >= Verb::kMetaGet && verb <= Verb::kMetaDebug) {
      good = good && inside(command_.sent_key, input) && inside(command_.meta.opaque, input);
    }
    if (verb > Verb::kMetaNoop) good = inside(command_.args, input);
    if (!good) violation_ = "a view outside the input";
  }

  void Write(const ParseResult& result) {
    switch (result.status) {
      case ParseStatus::kNeedMore:
        return;
      case ParseStatus::kCommand:
        transcript_ += describe_(command_);
        break;
      case ParseStatus::kTooLarge:
        transcript_ += "too large " + describe_(command_) + ": ";
        [[fallthrough]];
      case ParseStatus::kError:
        transcript_ += Answer(result.error);
        break;
      case ParseStatus::kClose:
        transcript_ += "close";
        closed_ = true;
        break;
      case ParseStatus::kBinary:
        transcript_ += "binary";
        closed_ = true;
        break;
    }
    transcript_ += '\n';
  }

  static std::string Answer(std::string_view error) {
    if (error.empty()) return "! silent";
    if (!error.ends_with("\r\n")) return "! a line without an end";
    return "! " + std::string(error.substr(0, error.size() - 2));
  }

  const ParserLimits limits_;
  const Describe describe_;
  Command command_;
  std::string kept_;
  std::string transcript_;
  std::string violation_;
  uint64_t swallow_ = 0;
  size_t need_ = 0;
  size_t scanned_ = 0;
  bool first_ = true;
  bool closed_ = false;
};

}  // namespace mcrelay::memcache
