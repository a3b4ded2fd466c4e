// Lua texts of the atomic operations, and the SHA-1 each is called by.
//
// One flat script per verb, its parameters in ARGV, its one key in KEYS[1]. Loaded by SCRIPT LOAD
// in every connection's handshake; where that is refused or forgotten (NOSCRIPT), EVAL with the
// text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/buffer.h"

namespace mcrelay::translate {

struct Script {
  std::string_view name;  // for logs and docs
  std::string_view text;
  std::string sha1;  // 40 lower-case hex digits
};

enum class ScriptId : uint8_t {
  kAppend,
  kCas,
  kArithmetic,
  kPersist,
  kMetaGet,
  kMetaDelete,
  kRemoveIfOlder,
};

[[nodiscard]] const Script& GetScript(ScriptId id);

// All scripts, for SCRIPT LOAD.
[[nodiscard]] std::span<const Script> AllScripts();

// Writes the request `evalsha` (one whole EVALSHA request of `script` as a Translation wrote it) to
// `out` again as EVAL with the script's text.
void WriteEval(const Script& script, std::string_view evalsha, Buffer* out);

// Writes the removal of `redis_key` unless its item's CAS unique is `cas` or newer (a bare value is
// always removed). Reply: integer, 1 removed, 0 kept or absent.
const Script& WriteRemoveIfOlder(std::string_view redis_key, uint64_t cas, Buffer* out);

}  // namespace mcrelay::translate
