// Session's commands that visit every key.

#include <algorithm>
#include <ctime>

#include "daemon/client/context.h"
#include "daemon/client/no_effect.h"
#include "daemon/client/session.h"
#include "daemon/client/walk_task.h"
#include "protocol/memcache/answers.h"
#include "protocol/memcache/numbers.h"

namespace mcrelay::client {

using memcache::Command;
using memcache::Verb;

void Session::StartWalk(const WalkRequest& request) {
  task_ = std::make_unique<WalkTask>(*this, context_, request);
}

// keys <glob>, delete_pattern <glob> [noreply]
void Session::RunPattern(const Command& command) {
  const bool removes = command.verb == Verb::kDeletePattern;
  if (context_.runtime->dumps_enabled) {
    StartWalk({.kind = removes ? WalkKind::kDelete : WalkKind::kKeys,
               .glob = command.args,
               .noreply = command.noreply});
  } else if (!command.noreply) {
    Say(removes ? "ERROR delete_pattern not allowed\r\n" : "ERROR keys not allowed\r\n");
  }
}

// lru_crawler metadump|mgdump all|hash|<classes>. Every item is of class 1.
void Session::RunCrawler(const Command& command) {
  std::string_view words[2];
  const bool dump =
      SplitWords(command.args, words, 2) == 2 && (words[0] == "metadump" || words[0] == "mgdump");
  if (!dump) {
    Say(NoEffectAnswer(command));
    return;
  }
  const bool meta = words[0] == "metadump";
  if (!context_.runtime->dumps_enabled) {
    Say(meta ? "ERROR metadump not allowed\r\n" : "ERROR key dump not allowed\r\n");
  } else if (!IsClassList(words[1])) {
    Say("BADCLASS invalid class id\r\n");
  } else if (!HasClassOne(words[1])) {
    Say(meta ? memcache::kEnd : std::string_view("EN\r\n"));
  } else {
    StartWalk({.kind = meta ? WalkKind::kMetaDump : WalkKind::kMgDump});
  }
}

// stats cachedump <class> <items>. Every item is of class 1.
void Session::RunCacheDump(std::string_view args) {
  constexpr uint32_t kMostClass = 63;
  std::string_view words[3];
  uint32_t slab_class = 0;
  uint32_t items = 0;
  if (!context_.runtime->dumps_enabled) {
    Say("CLIENT_ERROR stats cachedump not allowed\r\n");
  } else if (SplitWords(args, words, 3) < 3) {
    Say("CLIENT_ERROR bad command line\r\n");
  } else if (!memcache::ParseLevel(words[1], &slab_class) ||
             !memcache::ParseLevel(words[2], &items)) {
    Say(memcache::kBadFormat);
  } else if (slab_class > kMostClass) {
    Say("CLIENT_ERROR Illegal slab id\r\n");
  } else if (slab_class != 1) {
    Say(memcache::kEnd);
  } else {
    StartWalk({.kind = WalkKind::kCacheDump, .most_items = items});
  }
}

// Within a key_prefix only what has it is flushed: the database is not ours alone.
void Session::RunFlush(const Command& command) {
  context_.counters.Add(stats::Counter::kCmdFlush);
  if (context_.runtime->flush == FlushMode::kDeny) {
    if (!command.noreply) Say(memcache::kFlushNotAllowed);
    return;
  }
  constexpr int64_t kMostRelativeSeconds = 60 * 60 * 24 * 30;
  const int64_t delay = command.exptime > kMostRelativeSeconds
                            ? std::max<int64_t>(0, command.exptime - std::time(nullptr))
                            : command.exptime;
  context_.control.ScheduleFlush(std::max<int64_t>(delay, 0));
  if (delay > 0) {
    if (!command.noreply) Say(memcache::kOk);
  } else if (context_.runtime->flush == FlushMode::kPrefix) {
    StartWalk({.kind = WalkKind::kFlush, .noreply = command.noreply});
  } else {
    Push()->BeginFlush(this, command.noreply);
  }
}

}  // namespace mcrelay::client
