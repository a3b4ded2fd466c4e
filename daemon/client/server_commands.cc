// Session's commands that concern the whole server and need no key.

#include <algorithm>
#include <array>

#include "daemon/client/connections_task.h"
#include "daemon/client/context.h"
#include "daemon/client/facts_task.h"
#include "daemon/client/no_effect.h"
#include "daemon/client/session.h"
#include "daemon/log/log.h"
#include "daemon/net/socket_name.h"
#include "daemon/stats/connection_lines.h"
#include "daemon/version.h"
#include "protocol/memcache/answers.h"

namespace mcrelay::client {

using memcache::Command;
using memcache::Verb;

// Statistics count what was asked before; a walk must not see half of it.
bool Session::RunsAlone(Verb verb) {
  switch (verb) {
    case Verb::kStats:
    case Verb::kFlushAll:
    case Verb::kLruCrawler:
    case Verb::kKeys:
    case Verb::kDeletePattern:
      return true;
    default:
      return false;
  }
}

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
    case Verb::kStats:
      RunStats(command.args);
      break;
    case Verb::kShutdown:
      if (!context_.runtime->shutdown_enabled) {
        Say("SERVER_ERROR: shutdown not enabled\r\n");
      } else if (command.args.empty() || command.args == "graceful") {
        context_.control.Shutdown();
      } else {
        Say("CLIENT_ERROR invalid shutdown mode\r\n");
      }
      break;
    case Verb::kKeys:
    case Verb::kDeletePattern:
      RunPattern(command);
      break;
    case Verb::kLruCrawler:
      RunCrawler(command);
      break;
    case Verb::kWatch:
      // What memcached -W says: watching would need every worker's events in one stream.
      Say("CLIENT_ERROR watch commands not allowed\r\n");
      break;
    case Verb::kCacheMemlimit:
      if (const uint32_t megabytes = WantedMegabytes(command);
          megabytes != 0 && context_.runtime->embedded) {
        context_.control.SetStoreMemory(uint64_t{megabytes} << 20);
      }
      [[fallthrough]];
    case Verb::kSlabs:
    case Verb::kLru:
      Say(NoEffectAnswer(command));
      break;
    default:
      Say(memcache::kUnknownCommand);
      break;
  }
}

void Session::RunStatsDetail(std::string_view args) {
  std::string_view words[2];
  SplitWords(args, words, 2);
  if (words[1] == "dump") {
    Say(context_.prefixes.Dump());
  } else if (words[1] == "on" || words[1] == "off") {
    context_.prefixes.Switch(words[1] == "on");
    Say(memcache::kOk);
  } else {
    Say("CLIENT_ERROR usage: stats detail on|off|dump\r\n");
  }
}

void Session::RunStats(std::string_view args) {
  if (args.substr(0, args.find(' ')) == "cachedump") {
    RunCacheDump(args);
    return;
  }
  if (args.substr(0, args.find(' ')) == "detail") {
    RunStatsDetail(args);
    return;
  }
  if (args.substr(0, args.find(' ')) == "conns") {
    task_ = std::make_unique<ConnectionsTask>(*this, context_);
    return;
  }
  if (args.empty()) {
    auto task = std::make_unique<FactsTask>(*this, context_);
    if (task->waiting()) {
      task_ = std::move(task);
      return;
    }
  }
  const std::string text = context_.control.Stats(args);
  Say(text.empty() ? memcache::kUnknownCommand : std::string_view(text));
}

// With memcached's names of states.
std::string Session::Describe() const {
  const int fd = stream_.fd();
  if (fd < 0) return {};
  std::string_view state = "conn_read";
  if (!input_.empty() || swallow_ > 0) state = "conn_nread";
  if (head_ != nullptr) state = "conn_io_pending";
  if (task_ != nullptr) state = "conn_parse_cmd";
  if (stream_.unsent_bytes() > 0) state = "conn_mwrite";
  if (ending_) state = "conn_closing";
  return stats::ConnectionLines(
      {.fd = fd,
       .address = net::PeerName(fd),
       .listen_address = net::LocalName(fd),
       .state = state,
       .silent_seconds = (context_.io.loop.now_ms() - arrived_ms_) / 1000});
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
