// SeenKeys remembers which keys a walk has met: SCAN may name one twice when Redis resizes its
// table meanwhile, and two shards may both hold it.
//
//   slots_: | 0 | hash | 0 | 0 | hash | ...     open addressing, a power of two, at most 3/4 full
//
// 8 to 21 bytes per key, kept until the walk ends. Two keys with equal hashes count as one: with
// ten million keys, the chance that any is left out is one in 300,000.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace mcrelay::walk {

class SeenKeys {
 public:
  // False: it was there already.
  [[nodiscard]] bool Insert(std::string_view key) {
    if (slots_.empty() || (size_ + 1) * 4 > slots_.size() * 3) Grow();
    uint64_t hash = std::hash<std::string_view>()(key);
    if (hash == 0) hash = 1;  // 0 is a free slot
    if (!Put(hash)) return false;
    ++size_;
    return true;
  }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  static constexpr size_t kSmallest = 1024;

  bool Put(uint64_t hash) {
    for (size_t at = hash;; ++at) {
      uint64_t& slot = slots_[at & (slots_.size() - 1)];
      if (slot == hash) return false;
      if (slot != 0) continue;
      slot = hash;
      return true;
    }
  }
  void Grow() {
    std::vector<uint64_t> old(slots_.empty() ? kSmallest : slots_.size() * 2);
    old.swap(slots_);
    for (const uint64_t hash : old) {
      if (hash != 0) Put(hash);
    }
  }

  std::vector<uint64_t> slots_;
  size_t size_ = 0;
};

}  // namespace mcrelay::walk
