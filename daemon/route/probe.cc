#include "daemon/route/probe.h"

#include <utility>

namespace mcrelay::route {
namespace {

constexpr size_t kReplyBytes = 16u << 20;

}  // namespace

Probe::Probe(net::Io& io, config::Backend backend, uint32_t timeout_ms, User& user)
    : io_(io),
      link_settings_{std::move(backend), timeout_ms, kReplyBytes, {}},
      timeout_ms_(timeout_ms),
      user_(user),
      overdue_(io.loop, [this] {
        if (link_ != nullptr) link_->Fail("no answer in time");
      }) {}

Probe::~Probe() {
  if (link_ != nullptr) link_->Close();
}

void Probe::Ask(std::string_view requests, size_t replies) {
  replies_ = replies;
  listens_ = false;
  requests_.Clear();
  requests_.Append(requests);
  Begin();
}

void Probe::Listen(std::string_view requests) {
  Ask(requests, 0);
  listens_ = true;
}

void Probe::Begin() {
  busy_ = true;
  answered_ = 0;
  overdue_.Once(2 * timeout_ms_);  // connect and answer
  if (link_ == nullptr) {
    up_ = false;
    link_ = backend::Link::Open(io_, link_settings_, this);
  } else if (up_) {
    OnLinkUp();
  }
}

void Probe::OnLinkUp() {
  up_ = true;
  if (listens_) overdue_.Stop();
  if (!requests_.empty()) link_->Send(&requests_);
}

void Probe::OnReply(const redis::Reply& reply) {
  const size_t index = answered_++;
  if (!listens_ && answered_ == replies_) {
    busy_ = false;
    overdue_.Stop();
  }
  user_.OnProbeReply(*this, index, reply);
}

void Probe::OnLinkDown(const std::string& reason, bool) {
  refusal_ = link_->refusal();
  link_ = nullptr;
  up_ = false;
  overdue_.Stop();
  requests_.Clear();
  if (std::exchange(busy_, false)) user_.OnProbeFailed(*this, reason);
}

}  // namespace mcrelay::route
