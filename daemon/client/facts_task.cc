#include "daemon/client/facts_task.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "daemon/backend/connection.h"
#include "daemon/client/context.h"
#include "daemon/client/session.h"
#include "protocol/redis/encoder.h"

namespace mcrelay::client {
namespace {

// The number behind `name:` in the text of INFO; 0 when it is not there.
uint64_t InfoNumber(std::string_view info, std::string_view name) {
  for (size_t at = 0; (at = info.find(name, at)) != std::string_view::npos; at += name.size()) {
    const bool starts_line = at == 0 || info[at - 1] == '\n';
    const std::string_view rest = info.substr(at + name.size());
    if (!starts_line || !rest.starts_with(':')) continue;
    uint64_t number = 0;
    std::from_chars(rest.data() + 1, rest.data() + rest.size(), number);
    return number;
  }
  return 0;
}

}  // namespace

// Asks one node. Deletes itself with its last reply.
class FactsTask::Query final : public backend::Waiter {
 public:
  Query(backend::Connection& connection, std::shared_ptr<Shared> shared, uint64_t now_ms)
      : node_(connection.shared_node()), shared_(std::move(shared)) {
    ++shared_->pending;
    connection.CloseBatch();
    redis::Encoder(&connection.Begin()).Request({"DBSIZE"});
    redis::Encoder(&connection.Begin()).Request({"INFO", "memory"});
    redis::Encoder(&connection.Begin()).Request({"INFO", "stats"});
    for (; due_ < kRequests; ++due_) connection.Expect(this, now_ms);
  }

 private:
  static constexpr int kRequests = 3;

  bool OnReply(const redis::Reply& reply) override {
    Take(reply);
    Done();
    return true;
  }
  void OnLost() override { Done(); }

  void Take(const redis::Reply& reply) {
    backend::Facts& facts = node_->facts;
    if (reply.is_integer()) {
      facts.keys = static_cast<uint64_t>(reply.integer);
    } else if (reply.is_string() && due_ == 2) {
      const uint64_t limit = InfoNumber(reply.text, "maxmemory");
      facts.memory_bytes = InfoNumber(reply.text, "used_memory");
      facts.limit_bytes = limit != 0 ? limit : InfoNumber(reply.text, "total_system_memory");
    } else if (reply.is_string()) {
      facts.evicted = InfoNumber(reply.text, "evicted_keys");
      facts.expired = InfoNumber(reply.text, "expired_keys");
    }
  }

  void Done() {
    if (--due_ > 0) return;
    const std::shared_ptr<Shared> shared = std::move(shared_);
    delete this;
    if (--shared->pending == 0 && shared->task != nullptr) shared->task->Report();
  }

  const std::shared_ptr<backend::Node> node_;
  std::shared_ptr<Shared> shared_;
  int due_ = 0;
};

FactsTask::FactsTask(Session& session, Context& context)
    : session_(session), context_(context), shared_(std::make_shared<Shared>(Shared{this})) {
  AskAll(context, shared_);
}

void FactsTask::Ask(Context& context) {
  AskAll(context, std::make_shared<Shared>(Shared{nullptr}));
}

void FactsTask::AskAll(Context& context, const std::shared_ptr<Shared>& shared) {
  const uint64_t now_ms = context.io.loop.now_ms();
  for (const auto& connection : context.router->connections()) {
    if (connection->accepts() && connection->node().facts.TakeTurn(now_ms)) {
      new Query(*connection, shared, now_ms);
    }
  }
}

FactsTask::~FactsTask() { shared_->task = nullptr; }

void FactsTask::Report() { session_.EndTask(context_.control.Stats("")); }

}  // namespace mcrelay::client
