// The jobs of a walk: what `keys`, the dumps, `delete_pattern` and a flush within a prefix do with
// the keys.
//
// Owned by whoever owns the walk. Output is written as it comes; no stored key can forge a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/walk/seen_keys.h"
#include "daemon/walk/walk.h"

namespace mcrelay::walk {

class Output {
 public:
  // Where lines go; asked anew for each page.
  virtual Buffer& WalkOutput() = 0;

 protected:
  ~Output() = default;
};

// What a listing has in common: keys lose their prefix, come once, and can be a memcached client's.
class Listing : public Job {
 public:
  Listing(size_t prefix_bytes, Output& output) : prefix_bytes_(prefix_bytes), output_(output) {}

 protected:
  // The key as clients know it; empty when it is not to be listed.
  [[nodiscard]] std::string_view Take(std::string_view redis_key);
  [[nodiscard]] Buffer& out() { return output_.WalkOutput(); }

 private:
  const size_t prefix_bytes_;
  Output& output_;
  SeenKeys seen_;
};

// keys: `KEY <key>`.
class KeyListing final : public Listing {
 public:
  using Listing::Listing;

 private:
  void OnKeys(std::span<const std::string_view> keys, Requests* requests) override;
  bool OnReply(const redis::Reply&, size_t) override { return false; }
  bool OnPageEnd() override { return true; }
};

// lru_crawler mgdump: `mg <key>`, in base64 with ` b` where the key has bytes that would be
// encoded.
class MetaGetListing final : public Listing {
 public:
  using Listing::Listing;

 private:
  void OnKeys(std::span<const std::string_view> keys, Requests* requests) override;
  bool OnReply(const redis::Reply&, size_t) override { return false; }
  bool OnPageEnd() override { return true; }
};

// Listings that say more than the key: it is read where it lies, without the value.
class ItemListing : public Listing {
 public:
  using Listing::Listing;

 protected:
  struct Found {
    size_t key_at = 0;  // in keys_
    size_t key_bytes = 0;
    int64_t ttl_ms = -2;  // -1: never expires, -2: gone
    int64_t idle_seconds = 0;
    int64_t stored_bytes = 0;
    std::string head;  // the first bytes
  };
  struct Line {
    std::string_view key;
    int64_t expires;  // Unix time, 0: never
    int64_t idle_seconds;
    uint64_t value_bytes;
    uint64_t cas;  // 0 for a bare value
    uint32_t flags;
    bool fetched;
  };
  // False: enough.
  virtual bool Write(const Line& line, Buffer* out) = 0;

 private:
  void OnKeys(std::span<const std::string_view> keys, Requests* requests) override;
  bool OnReply(const redis::Reply& reply, size_t index) override;
  bool OnPageEnd() override;

  std::string keys_;
  std::vector<Found> found_;
};

// lru_crawler metadump, in memcached's format.
class MetaDump final : public ItemListing {
 public:
  using ItemListing::ItemListing;

 private:
  bool Write(const Line& line, Buffer* out) override;
};

// stats cachedump, in memcached's format and within its bounds.
class CacheDump final : public ItemListing {
 public:
  // `most_items` 0: no bound but memcached's on the bytes.
  CacheDump(size_t prefix_bytes, Output& output, uint32_t most_items)
      : ItemListing(prefix_bytes, output), most_items_(most_items) {}

 private:
  bool Write(const Line& line, Buffer* out) override;

  const uint32_t most_items_;
  uint32_t items_ = 0;
  size_t bytes_ = 0;
};

// UNLINKs the keys, but not those that are shorter or longer.
class Removal final : public Job {
 public:
  Removal() = default;
  Removal(size_t shortest, size_t longest) : shortest_(shortest), longest_(longest) {}

  [[nodiscard]] uint64_t removed() const { return removed_; }

 private:
  void OnKeys(std::span<const std::string_view> keys, Requests* requests) override;
  bool OnReply(const redis::Reply& reply, size_t index) override;
  bool OnPageEnd() override { return true; }

  const size_t shortest_ = 0;
  const size_t longest_ = SIZE_MAX;
  uint64_t removed_ = 0;
};

}  // namespace mcrelay::walk
