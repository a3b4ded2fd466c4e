// Runtime is the part of the configuration that sessions read, as an immutable snapshot: a reload
// replaces it as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "daemon/client/authentication.h"
#include "protocol/memcache/parser.h"
#include "protocol/translate/translation.h"

namespace mcrelay::client {

enum class FlushMode : uint8_t { kFlushDb, kPrefix, kDeny };

struct Runtime {
  translate::Settings translate;
  memcache::ParserLimits parser;
  FlushMode flush = FlushMode::kFlushDb;
  bool shutdown_enabled = false;
  bool dumps_enabled = true;           // commands that list keys
  bool embedded = false;               // the store is our own child
  std::shared_ptr<const Users> users;  // who may log in; null: nobody has to
  uint64_t request_ms = 250;
  uint64_t idle_ms = 0;                  // a client silent that long is closed; 0: never
  size_t most_in_flight = 1024;          // answers of one client
  size_t most_output_bytes = 32u << 20;  // unread by one client
};

}  // namespace mcrelay::client
