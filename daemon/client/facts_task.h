// FactsTask answers `stats`: it asks every node how much it holds, unless that was asked within the
// last second, and then reports. It waits for no node longer than the request timeout.
//
// Owned by its session. The queries outlive it when the client goes, until their replies came.
// Threading: its worker's thread.
#pragma once

#include <memory>

#include "daemon/client/task.h"

namespace mcrelay::client {

struct Context;
class Session;

class FactsTask final : public Task {
 public:
  FactsTask(Session& session, Context& context);
  ~FactsTask() override;

  // False: nothing is on its way, the report can be made now.
  [[nodiscard]] bool waiting() const { return shared_->pending > 0; }

  // Asks for nobody in particular: what comes is there for the next report.
  static void Ask(Context& context);

 private:
  class Query;
  struct Shared {
    FactsTask* task;  // null once the session gave up
    size_t pending = 0;
  };

  static void AskAll(Context& context, const std::shared_ptr<Shared>& shared);
  void Report();

  Session& session_;
  Context& context_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace mcrelay::client
