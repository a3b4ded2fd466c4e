// WalkTask answers the commands that visit every key: keys, the dumps, delete_pattern and flush_all
// within a key_prefix.
//
// Owned by its session. Threading: its worker's thread.
// Backpressure: no page of keys is asked for while the client leaves much unread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "daemon/client/task.h"
#include "daemon/walk/jobs.h"
#include "daemon/walk/walk.h"

namespace mcrelay::client {

struct Context;
class Session;

enum class WalkKind : uint8_t { kKeys, kMetaDump, kMgDump, kCacheDump, kDelete, kFlush };

struct WalkRequest {
  WalkKind kind;
  std::string_view glob{};  // empty: every key
  uint32_t most_items = 0;  // kCacheDump; 0: all
  bool noreply = false;
};

class WalkTask final : public Task, public walk::Walk::User, public walk::Output {
 public:
  WalkTask(Session& session, Context& context, const WalkRequest& request);

 private:
  bool WalkMayGoOn() override;
  void OnNodeFailed(backend::Node& node) override;
  void OnWalkEnd(bool ok) override;
  Buffer& WalkOutput() override;
  void OnFlushed() override { walk_->GoOn(); }

  [[nodiscard]] std::unique_ptr<walk::Job> MakeJob(const WalkRequest& request);

  Session& session_;
  Context& context_;
  const WalkKind kind_;
  const bool noreply_;
  std::unique_ptr<walk::Job> job_;
  std::unique_ptr<walk::Walk> walk_;
};

}  // namespace mcrelay::client
