// The commands that steer memcached's own memory (slabs, lru, lru_crawler, cache_memlimit): Redis
// has nothing of the kind, so they change nothing and get memcached's reply, checked word for word
// as memcached 1.6 checks them.
//
// Pure; one table.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/memcache/command.h"

namespace mcrelay::client {

// The whole answer line, empty where noreply silences it. Static storage. REQUIRES: the verb is
// kSlabs, kLru, kLruCrawler or kCacheMemlimit.
[[nodiscard]] std::string_view NoEffectAnswer(const memcache::Command& command);

// The megabytes of a cache_memlimit that was answered OK, else 0.
[[nodiscard]] uint32_t WantedMegabytes(const memcache::Command& command);

// Up to `most` words of `args`, the rest is dropped. Returns how many there are.
size_t SplitWords(std::string_view args, std::string_view* words, size_t most);
// memcached's class list of crawl and metadump: `all`, `hash`, or ids from 1 to 63 with commas.
[[nodiscard]] bool IsClassList(std::string_view word);
// REQUIRES: IsClassList(word).
[[nodiscard]] bool HasClassOne(std::string_view word);

}  // namespace mcrelay::client
