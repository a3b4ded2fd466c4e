// The Lua texts, one per verb. Rules they keep:
//
//   - one key, KEYS[1]; everything else in ARGV, so that a text never changes and its SHA-1
//   neither;
//   - flat: no helper functions (a closure costs up to 1.7 us a call; what several have in common
//   is pasted in, lua_blocks.h), the common case first;
//   - redis.pcall, and its error is handed back: redis.call would add the script's text to it;
//   - no `<` on strings (it follows the server's locale): CAS uniques are compared as two 32-bit
//   halves;
//   - nothing is written before every check is done, or it is put back.
//
// '\193\141' is the magic C1 8D; byte 3 is the version, byte 4 the state, 5 to 8 the flags, 9 to 16
// the CAS unique (Lua counts from 1). An expiry is two arguments: EX, EXAT, PERSIST, KEEP or GONE,
// and its number.
#pragma once

namespace mcrelay::translate::lua {

extern const char kAppend[];         // append, prepend, ms MA and MP
extern const char kCas[];            // cas, ms with C
extern const char kArithmetic[];     // incr, decr, ma
extern const char kPersist[];        // touch with an expiry of 0
extern const char kMetaGet[];        // mg that changes state
extern const char kMetaDelete[];     // md with C, I or x
extern const char kRemoveIfOlder[];  // removal of what a failed write left behind

}  // namespace mcrelay::translate::lua
