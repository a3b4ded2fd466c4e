#include "daemon/walk/prefix_flush.h"

#include <utility>

#include "daemon/log/log.h"
#include "daemon/walk/jobs.h"
#include "daemon/walk/walk.h"

namespace mcrelay::walk {
namespace {

class PrefixFlush final : public backend::Chore, private Walk::User {
 public:
  PrefixFlush(net::Io& io, const backend::Connection::Settings& settings,
              std::shared_ptr<backend::Node> node, backend::Removals::Claim claim)
      : node_(std::move(node)),
        claim_(std::move(claim)),
        walk_(io,
              {.pattern = EscapeGlob(settings.flush_prefix) + "*",
               .strings_only = false,
               .asking = settings.cluster,
               .connect_ms = settings.connect_ms,
               .reply_bytes = settings.reply_bytes},
              {node_}, removal_, *this) {}
  ~PrefixFlush() override {
    if (!done_) node_->removals().GiveBack(claim_);
  }

  [[nodiscard]] bool done() const override { return done_; }

 private:
  bool WalkMayGoOn() override { return true; }
  void OnNodeFailed(backend::Node&) override {}
  void OnWalkEnd(bool ok) override {
    done_ = true;
    if (!ok) {
      node_->removals().GiveBack(claim_);
      return;
    }
    log::Info(log::Event::kFlush, "node {}: flushed, {} keys", node_->name(), removal_.removed());
    node_->removals().Done(claim_);
  }

  const std::shared_ptr<backend::Node> node_;
  const backend::Removals::Claim claim_;
  bool done_ = false;
  Removal removal_;
  Walk walk_;
};

}  // namespace

std::unique_ptr<backend::Chore> MakePrefixFlush(net::Io& io,
                                                const backend::Connection::Settings& settings,
                                                std::shared_ptr<backend::Node> node,
                                                backend::Removals::Claim claim) {
  return std::make_unique<PrefixFlush>(io, settings, std::move(node), std::move(claim));
}

}  // namespace mcrelay::walk
