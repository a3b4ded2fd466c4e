// What a memcached exptime means, by the rules of memcached's doc/protocol.txt ("Expiration
// times"): 0 never, negative at once, up to 30 days relative to now, above that a Unix time.
#pragma once

#include <cstdint>
#include <string_view>

namespace mcrelay::translate {

struct Expiry {
  enum class Kind : uint8_t {
    kKeep,  // none given: the item's time to live stays as it is
    kNever,
    kRelative,  // `seconds` from now on; Redis's clock counts them
    kAbsolute,  // `seconds` since the epoch, in the future
    kGone,      // already over
  };
  Kind kind = Kind::kNever;
  int64_t seconds = 0;

  [[nodiscard]] bool gone() const { return kind == Kind::kGone; }
  // True when Redis takes it as EX or EXAT with `seconds`.
  [[nodiscard]] bool timed() const { return kind == Kind::kRelative || kind == Kind::kAbsolute; }
  // The word Redis's SET and GETEX know it by (EX, EXAT, PERSIST); our scripts also take KEEP and
  // GONE.
  [[nodiscard]] std::string_view word() const;
  // Seconds left at `unix_seconds`, as memcached's t prints them: -1 for never.
  [[nodiscard]] int64_t SecondsLeft(int64_t unix_seconds) const;
};

[[nodiscard]] Expiry ResolveExpiry(int64_t exptime, int64_t unix_seconds);

}  // namespace mcrelay::translate
