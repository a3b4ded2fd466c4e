// Session's commands that concern the whole server and need no key.

#include <algorithm>
#include <array>
#include <ctime>

#include "daemon/client/context.h"
#include "daemon/client/no_effect.h"
#include "daemon/client/session.h"
#include "daemon/log/log.h"
#include "daemon/version.h"
#include "protocol/memcache/answers.h"

namespace mcrelay::client {

using memcache::Command;
using memcache::Verb;

void Session::RunServerCommand(const Command& command) {
  switch (command.verb) {
    case Verb::kMetaNoop:
      Say(memcache::kMn);
      break;
    case Verb::kVersion:
      Say("VERSION " MCRELAY_MEMCACHED_VERSION "\r\n");
      break;
    case Verb::kVerbosity:
      if (!command.noreply) Say(memcache::kOk);
      break;
    case Verb::kFlushAll:
      RunFlush(command);
      break;
    case Verb::kStats: {
      const std::string text = context_.control.Stats(command.args);
      Say(text.empty() ? memcache::kUnknownCommand : std::string_view(text));
      break;
    }
    case Verb::kShutdown:
      if (!context_.runtime->shutdown_enabled) {
        Say("SERVER_ERROR: shutdown not enabled\r\n");
      } else if (command.args.empty() || command.args == "graceful") {
        context_.control.Shutdown();
      } else {
        Say("CLIENT_ERROR invalid shutdown mode\r\n");
      }
      break;
    case Verb::kSlabs:
    case Verb::kLru:
    case Verb::kLruCrawler:
    case Verb::kCacheMemlimit:
      Say(NoEffectAnswer(command));
      break;
    default:
      Say(memcache::kUnknownCommand);
      break;
  }
}

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
  } else {
    Push()->BeginFlush(this, command.noreply);
  }
}

// The reply of the binary protocol (protocol_binary_response_header): "unknown command", so that a
// binary client fails with a reason instead of a time-out.
void Session::RefuseBinary(std::string_view request) {
  constexpr std::string_view kText = "mcrelay speaks the text protocol only";
  std::array<char, 24> header{};
  header[0] = static_cast<char>(0x81);
  if (request.size() > 1) header[1] = request[1];
  header[7] = static_cast<char>(0x81);  // status
  header[11] = static_cast<char>(kText.size());
  if (request.size() >= 16) std::copy_n(request.begin() + 12, 4, header.begin() + 12);  // opaque
  stream_.out().Append({header.data(), header.size()});
  stream_.out().Append(kText);
  log::Warning(log::Event::kBinaryProtocol,
               "a client spoke memcached's binary protocol and was closed: set the client to the "
               "text (ASCII) protocol");
}

}  // namespace mcrelay::client
