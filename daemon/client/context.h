// Context is what all sessions of one worker share, and what they need of the daemon around them.
//
// Owned by the worker; used on its thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/client/exchange_pool.h"
#include "daemon/client/runtime.h"
#include "daemon/net/io.h"
#include "daemon/route/router.h"
#include "daemon/stats/counters.h"
#include "daemon/stats/latency.h"
#include "daemon/stats/prefixes.h"
#include "protocol/memcache/command.h"
#include "protocol/translate/cas_source.h"
#include "protocol/translate/translation.h"

namespace mcrelay::client {

class Session;

// The daemon as a session sees it. Implemented by the worker.
class Control {
 public:
  // The answer of `stats <args>`, whole; empty when there is no such statistic.
  [[nodiscard]] virtual std::string Stats(std::string_view args) = 0;
  // Gives `done` the lines of `stats conns`, without their END, later and on this thread.
  virtual void ListConnections(std::function<void(const std::string& lines)> done) = 0;
  // Runs `flush` through this worker after `seconds`, unless a later flush_all replaces it; 0 only
  // replaces one that is pending.
  virtual void ScheduleFlush(int64_t seconds) = 0;
  // Sets the embedded store's maxmemory.
  virtual void SetStoreMemory(uint64_t bytes) = 0;
  // Ends the daemon as SIGTERM does.
  virtual void Shutdown() = 0;
  // The session is gone: its memory may be freed.
  virtual void OnSessionClosed(Session* session) = 0;

 protected:
  ~Control() = default;
};

struct Context {
  net::Io& io;
  Control& control;
  std::shared_ptr<const Runtime> runtime;
  std::unique_ptr<route::Router> router;
  stats::Counters& counters;
  stats::Prefixes& prefixes;
  stats::CommandLatencies& latencies;
  translate::CasSource cas;

  ExchangePool exchanges;
  memcache::Command command;    // parsed into again and again
  std::string redis_key;        // scratch
  Buffer discard;               // takes what nobody wants
  std::vector<Session*> dirty;  // sessions with something to do at the end of this turn
  uint64_t turn = 1;
  // Moving average of what a read answers, a new session's first guess. Starts large: until values
  // were seen, little is asked for at a time.
  uint32_t average_read_bytes = 128u << 10;

  [[nodiscard]] translate::Environment Environment() {
    if (clock_turn != turn) ReadClock();
    return {runtime->translate, cas, unix_ms};
  }
  uint64_t clock_turn = 0;  // in which unix_ms was read
  int64_t unix_ms = 0;
  void ReadClock();
};

}  // namespace mcrelay::client
