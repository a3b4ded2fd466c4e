// Value is what one key holds, whatever its type; the functions read and write it as text.
//
// The same syntax serves the file, the environment and flags. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/schema.h"

namespace mcrelay::config {

// Reads `text` as a value of `key`. Lists take one entry per call and grow. Returns "" or the error
// `found what, expected what`, with secrets masked. REQUIRES: not a section, not kReserved.
[[nodiscard]] std::string ReadValue(const Key& key, std::string_view text, Value* value);

// What an error says after "expected": the type with its range.
std::string Expected(const Key& key);

// `value` as the file would have it, on one line (lists in flow style); secrets become "***".
std::string FormatValue(const Key& key, const Value& value);
// One entry of `backends`, as a flow map.
std::string FormatBackend(const Backend& backend);
// One entry of `shards`, likewise.
std::string FormatShard(const Shard& shard);

}  // namespace mcrelay::config
