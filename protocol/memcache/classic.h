// The classic commands' lines. Internal to protocol/memcache: Parse() calls one of these when it
// knows the verb; each fills the Command's fields for that verb and answers as Parse() does.
#pragma once

#include "protocol/memcache/line.h"

namespace mcrelay::memcache {

// retrieval.cc: get, gets / gat, gats
[[nodiscard]] ParseResult ParseGet(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseGetAndTouch(const Line& line, Command* command);

// storage.cc: set add replace append prepend cas
[[nodiscard]] ParseResult ParseStorage(const Line& line, Command* command);

// one_key.cc: incr, decr / delete / touch
[[nodiscard]] ParseResult ParseArithmetic(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseDelete(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseTouch(const Line& line, Command* command);

// server.cc: the commands without a key, and mcrelay's own two
[[nodiscard]] ParseResult ParseFlushAll(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseVerbosity(const Line& line, Command* command);
// version, stats, quit, watch: never silent
[[nodiscard]] ParseResult ParseWords(const Line& line, Command* command);
// shutdown, slabs, lru, lru_crawler, cache_memlimit: `noreply` as last word silences them
[[nodiscard]] ParseResult ParseQuietableWords(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseKeys(const Line& line, Command* command);
[[nodiscard]] ParseResult ParseDeletePattern(const Line& line, Command* command);

}  // namespace mcrelay::memcache
