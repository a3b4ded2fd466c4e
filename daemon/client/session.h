// Session is one client's connection: it parses commands, starts an exchange for each, and writes
// the answers in the order of the commands.
//
//   bytes -> Parse() -> | head_ exchange -> exchange -> tail_ |  oldest first; the answered prefix
//                                                                leaves, the rest waits its turn
//
// Owned by its worker. An idle session holds no buffer: bytes are parsed where they were read, only
// an unfinished command is kept in input_. Threading: its worker's thread. Bounds: the answers in
// flight are bounded in number and in the bytes they will probably come to, which is learnt from
// the answers before. While that is reached, or the client does not read, nothing more is parsed or
// read from this client. Failure: the client is closed for nothing but its own doing (quit, end of
// file, binary protocol, a line without end, answers it does not read, idle timeout).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/client/exchange.h"
#include "daemon/client/task.h"
#include "daemon/client/window.h"
#include "daemon/net/stream.h"
#include "protocol/buffer.h"
#include "protocol/memcache/command.h"
#include "protocol/memcache/parser.h"

namespace mcrelay::client {

struct WalkRequest;

class Session final : public net::StreamOwner {
 public:
  Session(Context& context, net::Stream::Kind kind);
  ~Session() = default;

  // Takes over an accepted socket and starts reading. False: the socket is still the caller's.
  [[nodiscard]] bool Adopt(int fd);

  // End of a turn: goes on with what had to wait, then writes.
  void Resume();
  void Flush();
  // The daemon stops: closes the session when it was silent since `silent_since_ms`; at the
  // `last_call` any other one too, once what it was asked is answered.
  void Drain(uint64_t silent_since_ms, bool last_call);
  // Closes it at once when it was silent since before `since_ms`.
  void CloseIfIdle(uint64_t since_ms);
  [[nodiscard]] bool idle_since(uint64_t since_ms) const;
  void Destroy();
  // Its lines of `stats conns`.
  [[nodiscard]] std::string Describe() const;

  // From the task. Output follows what was answered before.
  [[nodiscard]] Buffer& TaskOutput();
  // False: the client leaves too much unread; OnFlushed() comes.
  [[nodiscard]] bool TakesMore() const;
  // The last of its answer; the task is gone then.
  void EndTask(std::string_view answer);

  // Position in the worker's list.
  uint32_t index = 0;
  // The clients of the listener that it came through; see Worker::Adopt().
  std::atomic<uint64_t>* listener = nullptr;

 private:
  friend class Exchange;

  // The rest of a key list that had to wait.
  struct List {
    int64_t exptime = 0;
    uint32_t key_bytes = 0;   // 0: nothing waits
    uint32_t tail_bytes = 0;  // from the end of the keys to the end of the line
    memcache::Verb verb = memcache::Verb::kGet;
  };

  Space OnReadSpace() override;
  void OnRead(size_t bytes) override;
  void OnEnd(int error) override;
  void OnConnected(int) override {}
  void OnDrained() override;
  void OnClosed() override;

  [[nodiscard]] size_t Process(std::string_view input);
  [[nodiscard]] bool Paused() const;
  [[nodiscard]] bool Held(std::string_view key) const;
  [[nodiscard]] bool Parse(std::string_view rest, size_t* consumed);
  [[nodiscard]] bool LogIn(std::string_view rest, size_t* consumed);
  [[nodiscard]] bool Wait(size_t* consumed);
  [[nodiscard]] bool Run(const memcache::Command& command, std::string_view rest, size_t* consumed);
  [[nodiscard]] size_t RunList(const memcache::Command& command, size_t tail_bytes);
  [[nodiscard]] size_t ContinueList(std::string_view input);
  [[nodiscard]] static bool RunsAlone(memcache::Verb verb);
  void RunServerCommand(const memcache::Command& command);
  void RunFlush(const memcache::Command& command);
  void RunPattern(const memcache::Command& command);
  void RunCrawler(const memcache::Command& command);
  void RunStats(std::string_view args);
  void RunStatsDetail(std::string_view args);
  void RunCacheDump(std::string_view args);
  void StartWalk(const WalkRequest& request);
  void RefuseTooLarge(const memcache::Command& command, std::string_view error);
  void RefuseBinary(std::string_view request);
  void EndInput();
  Exchange* Push(uint32_t expected_bytes = Window::kLineBytes);
  void Say(std::string_view answer);
  void Keep(std::string_view rest);

  // From Exchange.
  void OnDone(Exchange* exchange);
  void AddHold(std::string_view key);
  void DropHold();
  [[nodiscard]] bool Postpones(const Exchange& exchange, size_t value_bytes);
  void ReadPostponed();
  [[nodiscard]] Rival RivalOf(const Exchange& exchange) const;

  void Pop();
  void EndListKey(Exchange* exchange);
  void MarkDirty();
  void CountSent();

  Context& context_;
  net::Stream stream_;
  Buffer input_;  // unparsed bytes, when there are any
  Exchange* head_ = nullptr;
  Exchange* tail_ = nullptr;
  std::unique_ptr<Task> task_;
  List list_;
  std::unique_ptr<std::string> list_error_;  // what ends the current list instead of END
  uint64_t swallow_ = 0;
  uint64_t arrived_ms_ = 0;
  uint64_t read_turn_ = 0;  // the turn in which a read of ours joined a batch
  // One of ours waited for the topology until it was late: until then no other waits.
  uint64_t impatient_until_ms_ = 0;
  size_t held_bytes_ = 0;   // of answers that wait for their turn
  uint64_t hold_bits_ = 0;  // a hint for Held(): bits of the keys held
  uint32_t need_ = 0;       // input size below which parsing is pointless
  uint32_t scanned_ = 0;
  Window window_;
  uint16_t in_flight_ = 0;
  uint16_t postponed_ = 0;  // exchanges to be read again
  uint16_t holds_ = 0;
  bool first_ = true;  // nothing parsed yet
  bool logged_in_;
  bool ending_ = false;     // close when everything is answered
  bool stalled_ = false;    // input_ has commands that had to wait
  bool full_ = false;       // the client did not read for a while: that wait is its own
  bool held_back_ = false;  // stalled for an earlier command on the same key
  bool dirty_ = false;
  bool changed_ = false;  // marked dirty since Resume()
};

}  // namespace mcrelay::client
