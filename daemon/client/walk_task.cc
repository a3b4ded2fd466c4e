#include "daemon/client/walk_task.h"

#include <string>
#include <utility>
#include <vector>

#include "daemon/client/context.h"
#include "daemon/client/session.h"
#include "protocol/memcache/answers.h"
#include "protocol/memcache/command.h"

namespace mcrelay::client {

WalkTask::WalkTask(Session& session, Context& context, const WalkRequest& request)
    : session_(session),
      context_(context),
      kind_(request.kind),
      noreply_(request.noreply),
      job_(MakeJob(request)) {
  const std::string& prefix = context.runtime->translate.key_prefix;
  walk::Walk::Settings settings;
  settings.strings_only = kind_ != WalkKind::kFlush;
  settings.every_node = kind_ == WalkKind::kFlush;
  if (!prefix.empty() || !request.glob.empty()) {
    settings.pattern = walk::EscapeGlob(prefix);
    settings.pattern.append(request.glob.empty() ? "*" : request.glob);
  }
  std::vector<std::shared_ptr<backend::Node>> nodes;
  for (const auto& connection : context.router->connections()) {
    nodes.push_back(connection->shared_node());
    settings.asking = connection->settings().cluster;
    settings.connect_ms = connection->settings().connect_ms;
    settings.reply_bytes = connection->settings().reply_bytes;
  }
  walk_ =
      std::make_unique<walk::Walk>(context.io, std::move(settings), std::move(nodes), *job_, *this);
}

std::unique_ptr<walk::Job> WalkTask::MakeJob(const WalkRequest& request) {
  const size_t prefix_bytes = context_.runtime->translate.key_prefix.size();
  switch (request.kind) {
    case WalkKind::kKeys:
      return std::make_unique<walk::KeyListing>(prefix_bytes, *this);
    case WalkKind::kMetaDump:
      return std::make_unique<walk::MetaDump>(prefix_bytes, *this);
    case WalkKind::kMgDump:
      return std::make_unique<walk::MetaGetListing>(prefix_bytes, *this);
    case WalkKind::kCacheDump:
      return std::make_unique<walk::CacheDump>(prefix_bytes, *this, request.most_items);
    case WalkKind::kDelete:  // what kKeys lists
      return std::make_unique<walk::Removal>(prefix_bytes + 1,
                                             prefix_bytes + memcache::kMaxKeyBytes);
    case WalkKind::kFlush:
      break;
  }
  return std::make_unique<walk::Removal>();
}

bool WalkTask::WalkMayGoOn() { return session_.TakesMore(); }

Buffer& WalkTask::WalkOutput() { return session_.TaskOutput(); }

// The flush stays due there: what is there now must not be served when the node comes back.
void WalkTask::OnNodeFailed(backend::Node& node) { context_.router->OweFlush(node); }

void WalkTask::OnWalkEnd(bool ok) {
  std::string answer(memcache::kBackendUnavailable);
  if (ok) {
    switch (kind_) {
      case WalkKind::kMgDump:
        answer = "EN\r\n";
        break;
      case WalkKind::kDelete:
        answer = "DELETED " + std::to_string(static_cast<walk::Removal&>(*job_).removed()) + "\r\n";
        break;
      case WalkKind::kFlush:
        answer = memcache::kOk;
        break;
      default:
        answer = memcache::kEnd;
        break;
    }
  }
  session_.EndTask(noreply_ ? std::string_view() : answer);
}

}  // namespace mcrelay::client
