// Pieces of Lua that several scripts have in common, pasted into their texts: a Lua function would
// cost each call of the script its closure. The names they declare are local to the block around.
#pragma once

// `item` (an expression with the header in it) has a CAS unique; where the new one, the variable
// `cas`, is not above it, it becomes the item's plus one.
#define MCRELAY_LUA_RAISE_CAS(item, cas)                                 \
  "\n  local high, low = struct.unpack('>I4I4', " item                   \
  ", 9)\n"                                                               \
  "  local own_high, own_low = struct.unpack('>I4I4', " cas              \
  ")\n"                                                                  \
  "  if high > own_high or (high == own_high and low >= own_low) then\n" \
  "    low = low + 1\n"                                                  \
  "    if low == 4294967296 then high = high + 1; low = 0 end\n"         \
  "    if high < 4294967296 then " cas                                   \
  " = struct.pack('>I4I4', high, low) end\n"                             \
  "  end\n"

// Sets the variable `cas` to the unique of the bare value `value`: the head of its SHA-1, top bit
// cleared.
#define MCRELAY_LUA_BARE_CAS(value, cas)                                           \
  "\n  local digest = redis.sha1hex(" value                                        \
  ")\n"                                                                            \
  "  " cas                                                                         \
  " = struct.pack('>I4I4', tonumber(string.sub(digest, 1, 8), 16) % 2147483648,\n" \
  "                        tonumber(string.sub(digest, 9, 16), 16))\n"

// Stores `item` with the expiry `word` and `number`, and hands back an error.
#define MCRELAY_LUA_CREATE(item, word, number)                               \
  "\n  local done\n"                                                         \
  "  if " word                                                               \
  " == 'GONE' then done = redis.pcall('UNLINK', key)\n"                      \
  "  elseif " word " == 'PERSIST' then done = redis.pcall('SET', key, " item \
  ")\n"                                                                      \
  "  else done = redis.pcall('SET', key, " item ", " word ", " number        \
  ") end\n"                                                                  \
  "  if type(done) == 'table' and done.err then return done end\n"
