#include "daemon/walk/walk.h"

#include <utility>

#include "protocol/redis/encoder.h"

namespace mcrelay::walk {
namespace {

// Keys that Redis looks at in one go: a fraction of a millisecond.
constexpr std::string_view kKeysPerScan = "500";

}  // namespace

std::string EscapeGlob(std::string_view text) {
  constexpr std::string_view kSpecial = "*?[]^-\\";
  std::string escaped;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

void Requests::Add(std::initializer_list<std::string_view> words) {
  redis::Encoder encoder(out_);
  if (asking_) encoder.Request({"ASKING"});
  encoder.Request(words);
  replies_ += asking_ ? 2 : 1;
}

Walk::Walk(net::Io& io, Settings settings, std::vector<std::shared_ptr<backend::Node>> nodes,
           Job& job, User& user)
    : io_(io),
      settings_(std::move(settings)),
      nodes_(std::move(nodes)),
      job_(job),
      user_(user),
      timer_(io.loop, [this] { OnTimer(); }) {
  timer_.Once(0);
}

Walk::~Walk() { CloseLink(); }

void Walk::OnTimer() {
  if (state_ == State::kIdle) {
    NextNode();
  } else {
    FailNode();
  }
}

// Goes to nodes_[node_], or ends.
void Walk::NextNode() {
  if (node_ == nodes_.size()) {
    state_ = State::kIdle;
    user_.OnWalkEnd(!failed_);
    return;
  }
  backend::Node& node = *nodes_[node_];
  state_ = State::kConnecting;
  if (node.down()) {
    timer_.Once(0);
    return;
  }
  cursor_ = "0";
  link_settings_ = std::make_unique<backend::Link::Settings>(
      backend::Link::Settings{node.backend(), settings_.connect_ms, settings_.reply_bytes, {}});
  link_ = backend::Link::Open(io_, *link_settings_, this);
  timer_.Once(settings_.reply_ms);
}

void Walk::OnLinkUp() { Scan(); }

void Walk::Scan() {
  if (!user_.WalkMayGoOn()) {
    state_ = State::kPaused;
    timer_.Stop();
    return;
  }
  state_ = State::kScanning;
  const bool matches = !settings_.pattern.empty();
  redis::Encoder encoder(&requests_);
  encoder.Begin(4 + (matches ? 2 : 0) + (settings_.strings_only ? 2 : 0));
  encoder.Arg("SCAN").Arg(cursor_).Arg("COUNT").Arg(kKeysPerScan);
  if (matches) encoder.Arg("MATCH").Arg(settings_.pattern);
  if (settings_.strings_only) encoder.Arg("TYPE").Arg("string");
  timer_.Once(settings_.reply_ms);
  link_->Send(&requests_);
}

void Walk::GoOn() {
  if (state_ == State::kPaused) Scan();
}

void Walk::OnReply(const redis::Reply& reply) {
  if (state_ == State::kScanning) {
    OnPage(reply);
    return;
  }
  const size_t index = answered_++;
  const bool to_asking = settings_.asking && index % 2 == 0;  // nobody's
  if (state_ != State::kPage ||
      (!to_asking && !job_.OnReply(reply, settings_.asking ? index / 2 : index))) {
    FailNode();
    return;
  }
  if (answered_ == replies_) EndPage();
}

void Walk::OnPage(const redis::Reply& reply) {
  if (!reply.is_array() || reply.elements.size() != 2 || !reply.elements[1].is_array()) {
    FailNode();
    return;
  }
  cursor_ = reply.elements[0].text;
  keys_.clear();
  for (const redis::Reply& key : reply.elements[1].elements) keys_.push_back(key.text);
  state_ = State::kPage;
  answered_ = 0;
  Requests page(&requests_, settings_.asking);
  job_.OnKeys(keys_, &page);
  replies_ = page.replies();
  if (replies_ == 0) {
    EndPage();
    return;
  }
  timer_.Once(settings_.reply_ms);
  link_->Send(&requests_);
}

void Walk::EndPage() {
  if (!job_.OnPageEnd()) {
    node_ = nodes_.size();
  } else if (cursor_ == "0") {
    ++node_;
  } else {
    Scan();
    return;
  }
  CloseLink();
  NextNode();
}

void Walk::OnLinkDown(const std::string&, bool) {
  link_ = nullptr;
  FailNode();
}

void Walk::FailNode() {
  CloseLink();
  failed_ = true;
  backend::Node& node = *nodes_[node_];
  node_ = settings_.every_node ? node_ + 1 : nodes_.size();
  if (settings_.every_node) user_.OnNodeFailed(node);
  NextNode();
}

void Walk::CloseLink() {
  timer_.Stop();
  requests_.Clear();
  if (link_ != nullptr) std::exchange(link_, nullptr)->Close();
}

}  // namespace mcrelay::walk
