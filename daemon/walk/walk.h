// Walk visits every key that matches a glob, node after node, with SCAN over a connection of its
// own: it never blocks a server, and no other client waits behind it.
//
//   SCAN -> page of keys -> Job::OnKeys() -> requests of the page -> Job::OnReply() ->
//   Job::OnPageEnd()
//     ^------- when User::WalkMayGoOn() ----------------------------------------------/
//
// Owned by its user; destroying it ends it, also from its callbacks.
// Threading: its loop's thread.
// Bounds: one page at a time; the next is asked for when the user takes more. There is no time
// limit for the whole, but one for each page's replies. Failure: a node that is down, ends the
// connection, answers an error or nothing ends the walk, or, when all nodes have to be tried, is
// told in OnNodeFailed().
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/backend/link.h"
#include "daemon/backend/node.h"
#include "daemon/net/io.h"
#include "protocol/buffer.h"

namespace mcrelay::walk {

// A literal text as a glob that matches nothing else.
[[nodiscard]] std::string EscapeGlob(std::string_view text);

// The requests of a page, as a job adds them. A cluster's node that takes over a slot lists the
// keys that have come already, but touches them only after ASKING.
class Requests {
 public:
  // Borrows `out`.
  Requests(Buffer* out, bool asking) : out_(out), asking_(asking) {}

  void Add(std::initializer_list<std::string_view> words);
  [[nodiscard]] size_t replies() const { return replies_; }

 private:
  Buffer* const out_;
  const bool asking_;
  size_t replies_ = 0;
};

// What is done with the keys.
class Job {
 public:
  virtual ~Job() = default;
  // A page of keys (maybe none), as Redis names them; the views die with the call. Each request
  // that is added has one reply.
  virtual void OnKeys(std::span<const std::string_view> keys, Requests* requests) = 0;
  // Reply `index` of the page's requests. False: it is not what the job needs, the node has failed.
  [[nodiscard]] virtual bool OnReply(const redis::Reply& reply, size_t index) = 0;
  // Every reply of the page came. False: nothing more is wanted, the walk ends well.
  [[nodiscard]] virtual bool OnPageEnd() = 0;
};

class Walk final : private backend::LinkUser {
 public:
  class User {
   public:
    // False: the next page must wait for GoOn().
    virtual bool WalkMayGoOn() = 0;
    // This node was not walked to its end. Only told when Settings::every_node is set.
    virtual void OnNodeFailed(backend::Node& node) = 0;
    // It is over: every node, or the job, or a failure. The user may destroy it now.
    virtual void OnWalkEnd(bool ok) = 0;

   protected:
    ~User() = default;
  };

  struct Settings {
    std::string pattern;       // a Redis glob over whole keys; empty: every key
    bool strings_only = true;  // leave out keys of other types
    bool every_node = false;   // a failed node does not end it
    bool asking = false;       // the nodes are a cluster's, see Requests
    uint32_t connect_ms = 250;
    uint32_t reply_ms = 2000;  // per page
    size_t reply_bytes = 16u << 20;
  };

  // Begins in a later turn: no callback comes from here. Borrows `io`, `user` and `job`.
  Walk(net::Io& io, Settings settings, std::vector<std::shared_ptr<backend::Node>> nodes, Job& job,
       User& user);
  ~Walk();
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  // The user takes more again.
  void GoOn();

 private:
  enum class State : uint8_t { kIdle, kConnecting, kScanning, kPage, kPaused };

  bool StreamArray(size_t) override { return false; }
  void OnElement(const redis::Reply&, size_t) override {}
  void OnReply(const redis::Reply& reply) override;
  void OnLinkUp() override;
  void OnLinkDown(const std::string& reason, bool by_us) override;
  void OnRetiredEnd(backend::Link*) override {}

  void NextNode();
  void Scan();
  void OnPage(const redis::Reply& reply);
  void EndPage();
  void FailNode();
  void CloseLink();
  void OnTimer();

  net::Io& io_;
  const Settings settings_;
  const std::vector<std::shared_ptr<backend::Node>> nodes_;
  Job& job_;
  User& user_;
  State state_ = State::kIdle;
  size_t node_ = 0;
  bool failed_ = false;
  std::unique_ptr<backend::Link::Settings> link_settings_;
  backend::Link* link_ = nullptr;
  std::string cursor_;
  size_t replies_ = 0;   // of the page, in all
  size_t answered_ = 0;  // of these
  Buffer requests_;
  std::vector<std::string_view> keys_;  // scratch
  net::Timer timer_;                    // the start, and what is overdue
};

}  // namespace mcrelay::walk
