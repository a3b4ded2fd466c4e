#include "protocol/translate/lua.h"
#include "protocol/translate/lua_blocks.h"

namespace mcrelay::translate::lua {

// ARGV: 1 append or prepend, 2 data, 3 own CAS, 4 tagged or plain, 5 longest value with flags 0;
// ms: 6 CAS to compare or empty, 7 explicit CAS or empty, 8 item to create if missing or empty,
// 9 10 its expiry.
// Answers 1 stored, 0 not stored; ms: {size, CAS} stored (CAS empty: that of the created item), -1
// other CAS.
const char kAppend[] = R"lua(
local key, data, plain, compare = KEYS[1], ARGV[2], ARGV[4] == 'plain', ARGV[6]
local head = redis.pcall('GETRANGE', key, 0, 15)
if type(head) == 'table' then return head end
local tagged = #head == 16 and string.sub(head, 1, 2) == '\193\141'
if (tagged and string.byte(head, 3) ~= 1) or (head == '' and redis.pcall('EXISTS', key) == 0) then
  if not compare or ARGV[8] == '' then return 0 end
)lua" MCRELAY_LUA_CREATE("ARGV[8]", "ARGV[9]", "ARGV[10]") R"lua(
  return {#data, ''}
end

local cas, limit, flags = ARGV[3], tonumber(ARGV[5]), '\0\0\0\0'
if tagged then
  flags = string.sub(head, 5, 8)
  if flags ~= '\0\0\0\0' then limit = limit - 4 end
  if compare and compare ~= '' and string.sub(head, 9, 16) ~= compare then return -1 end
)lua" MCRELAY_LUA_RAISE_CAS("head", "cas") R"lua(
end
local bare = plain and flags == '\0\0\0\0'
if compare and ARGV[7] ~= '' then cas = ARGV[7]; bare = false end

-- in place where the form stays and nothing goes in front
if ARGV[1] == 'append' then
  if tagged and not bare then
    local length = redis.pcall('SETRANGE', key, 3, '\0' .. flags .. cas)
    if type(length) == 'table' then return length end
    if length - 16 + #data > limit then
      redis.pcall('SETRANGE', key, 3, string.sub(head, 4))
      return 0
    end
    local done = redis.pcall('APPEND', key, data)
    if type(done) == 'table' then return done end
    if compare then return {done - 16, cas} end
    return 1
  end
  if bare and not tagged and not compare and #head > 1 and string.sub(head, 1, 2) ~= '\193\141' then
    if redis.pcall('STRLEN', key) + #data > limit then return 0 end
    local done = redis.pcall('APPEND', key, data)
    if type(done) == 'table' then return done end
    return 1
  end
end

local value = redis.pcall('GETRANGE', key, tagged and 16 or 0, -1)
if compare and compare ~= '' and not tagged then
  local old
)lua" MCRELAY_LUA_BARE_CAS("value", "old") R"lua(
  if old ~= compare then return -1 end
end
if #value + #data > limit then return 0 end
if ARGV[1] == 'append' then value = value .. data else value = data .. value end
local done
if bare and string.sub(value, 1, 2) ~= '\193\141' then
  done = redis.pcall('SET', key, value, 'KEEPTTL')
  if compare then
)lua" MCRELAY_LUA_BARE_CAS("value", "cas") R"lua(
  end
else
  done = redis.pcall('SET', key, '\193\141\1\0' .. flags .. cas .. value, 'KEEPTTL')
end
if done.err then return done end
if compare then return {#value, cas} end
return 1
)lua";

// ARGV: 1 CAS to compare, 2 the new item, 3 4 its expiry; ms: 5 'E' when the CAS is explicit,
// 6 header for an item that stays stale (I) or empty.
// Answers 1 stored, 0 missing, -1 other CAS; a string: stored, with this CAS instead of the item's.
const char kCas[] = R"lua(
local key, item = KEYS[1], ARGV[2]
local head = redis.pcall('GETRANGE', key, 0, 15)
if type(head) == 'table' then return head end
local stale, newer = false, nil
if #head == 16 and string.sub(head, 1, 2) == '\193\141' then
  if string.byte(head, 3) ~= 1 then return 0 end
  local high, low = struct.unpack('>I4I4', head, 9)
  if string.sub(head, 9) ~= ARGV[1] then
    if not ARGV[6] or ARGV[6] == '' then return -1 end
    local old_high, old_low = struct.unpack('>I4I4', ARGV[1])
    if old_high == 0 and old_low == 0 then return -1 end
    if old_high > high or (old_high == high and old_low > low) then return -1 end
    stale = true
    if string.sub(item, 1, 2) == '\193\141' then item = string.sub(item, 17) end
    local state = string.byte(ARGV[6], 4) + (math.floor(string.byte(head, 4) / 2) % 2) * 2
    item = string.sub(ARGV[6], 1, 3) .. string.char(state) .. string.sub(ARGV[6], 5) .. item
  end
  if ARGV[5] ~= 'E' and string.sub(item, 1, 2) == '\193\141' then
    local own_high, own_low = struct.unpack('>I4I4', item, 9)
    if high > own_high or (high == own_high and low >= own_low) then
      low = low + 1
      if low == 4294967296 then high = high + 1; low = 0 end
      if high < 4294967296 then newer = struct.pack('>I4I4', high, low) end
    end
  end
else
  local value, old = redis.pcall('GET', key), nil
  if not value then return 0 end
)lua" MCRELAY_LUA_BARE_CAS("value", "old") R"lua(
  if old ~= ARGV[1] then return -1 end
end

local done
if stale then done = redis.pcall('SET', key, item, 'KEEPTTL')
elseif ARGV[3] == 'PERSIST' then done = redis.pcall('SET', key, item)
elseif ARGV[3] ~= 'GONE' then done = redis.pcall('SET', key, item, ARGV[3], ARGV[4])
else
  done = redis.pcall('UNLINK', key)
  if type(done) == 'table' then return done end
  return 1
end
if done.err then return done end
if newer then
  redis.pcall('SETRANGE', key, 8, newer)
  return newer
end
if stale then return string.sub(item, 9, 16) end
return 1
)lua";

// ARGV: 1 '+' or '-', 2 delta in digits, 3 own CAS, 4 tagged or plain;
// ma: 5 CAS to compare or empty, 6 explicit CAS or empty, 7 8 new expiry, 9 item to create if
// missing or empty, 10 11 its expiry. Answers the new number, 0 missing, -1 not a number; ma:
// {number, TTL before in ms, CAS} (CAS empty: that of the bare number), 1 created, -2 other
// CAS. Numbers: doubles are exact up to 15 digits; beyond, three limbs of 6, 7 and 7 digits. 2^64
// is 184467 4407370 9551616.
const char kArithmetic[] = R"lua(
local key, compare = KEYS[1], ARGV[5]
local stored = redis.pcall('GET', key)
if type(stored) == 'table' then return stored end
local tagged = stored and #stored > 15 and string.sub(stored, 1, 2) == '\193\141'
if not stored or (tagged and string.byte(stored, 3) ~= 1) then
  if not compare or ARGV[9] == '' then return 0 end
)lua" MCRELAY_LUA_CREATE("ARGV[9]", "ARGV[10]", "ARGV[11]") R"lua(
  return 1
end

-- an empty value is no number whatever CAS was sent, as in memcached
if #stored == (tagged and 16 or 0) then return -1 end
if compare and compare ~= '' then
  if tagged then
    if string.sub(stored, 9, 16) ~= compare then return -2 end
  else
    local old
)lua" MCRELAY_LUA_BARE_CAS("stored", "old") R"lua(
    if old ~= compare then return -2 end
  end
end

-- what strtoull() takes: white space, a sign, digits, and nothing, white space or NUL after them
local from = tagged and 17 or 1
local digits, rest = string.match(stored, '^(%d+)(.?)', from)
if not digits or rest ~= '' then
  digits, rest = string.match(stored, '^[ \t\n\v\f\r]*%+?(%d+)(.?)', from)
  if not digits then digits, rest = string.match(stored, '^[ \t\n\v\f\r]*%-(0+)(.?)', from) end
  if not digits or (rest ~= '' and not string.find(rest, '^[ \t\n\v\f\r%z]')) then return -1 end
end
if #digits > 15 then
  digits = string.match(digits, '^0*(%d+)$')
  if #digits > 20 then return -1 end
end
local delta, number = ARGV[2], nil
if #digits < 16 and #delta < 16 then
  if ARGV[1] == '+' then number = tonumber(digits) + tonumber(delta)
  else number = math.max(tonumber(digits) - tonumber(delta), 0) end
  number = string.format('%.0f', number)
else
  digits = string.rep('0', 20 - #digits) .. digits
  delta = string.rep('0', 20 - #delta) .. delta
  local a, b, c = tonumber(string.sub(digits, 1, 6)), tonumber(string.sub(digits, 7, 13)),
                  tonumber(string.sub(digits, 14))
  if a > 184467 or (a == 184467 and (b > 4407370 or (b == 4407370 and c > 9551615))) then return -1 end
  local x, y, z = tonumber(string.sub(delta, 1, 6)), tonumber(string.sub(delta, 7, 13)),
                  tonumber(string.sub(delta, 14))
  if ARGV[1] == '+' then
    a = a + x; b = b + y; c = c + z
    if c > 9999999 then c = c - 10000000; b = b + 1 end
    if b > 9999999 then b = b - 10000000; a = a + 1 end
    if a > 184467 or (a == 184467 and (b > 4407370 or (b == 4407370 and c > 9551615))) then
      a = a - 184467; b = b - 4407370; c = c - 9551616
    end
  else
    a = a - x; b = b - y; c = c - z
  end
  if c < 0 then c = c + 10000000; b = b - 1 end
  if b < 0 then b = b + 10000000; a = a - 1 end
  if a < 0 then number = '0'
  else number = string.match(string.format('%d%07d%07d', a, b, c), '^0*(%d+)$') end
end

local cas, state, done = ARGV[3], 0, nil
local explicit = compare and ARGV[6] ~= ''
local before = -1
if compare then before = redis.pcall('PTTL', key) end
if tagged then
  state = string.byte(stored, 4)
)lua" MCRELAY_LUA_RAISE_CAS("stored", "cas") R"lua(
end
if explicit then cas = ARGV[6] end
if ARGV[4] == 'plain' and not explicit
    and (not tagged or (state == 0 and string.sub(stored, 5, 8) == '\0\0\0\0')) then
  cas = ''
  done = redis.pcall('SET', key, number, 'KEEPTTL')
elseif not tagged then
  done = redis.pcall('SET', key, '\193\141\1\0\0\0\0\0' .. cas .. number, 'KEEPTTL')
elseif #number >= #stored - 16 then
  done = redis.pcall('SETRANGE', key, 8, cas .. number)
else
  done = redis.pcall('SET', key, string.sub(stored, 1, 8) .. cas .. number, 'KEEPTTL')
end
if type(done) == 'table' and done.err then return done end
if not compare then return number end
if ARGV[7] == 'GONE' then redis.pcall('UNLINK', key)
elseif ARGV[7] == 'PERSIST' then redis.pcall('PERSIST', key)
elseif ARGV[7] ~= 'KEEP' then redis.pcall('GETEX', key, ARGV[7], ARGV[8]) end
return {number, before, cas}
)lua";

// Answers 1 found, 0 missing. PERSIST alone answers 0 for an item that never expires, too.
const char kPersist[] = R"lua(
local done = redis.pcall('PERSIST', KEYS[1])
if done ~= 0 then return done end
return redis.pcall('EXISTS', KEYS[1])
)lua";

// ARGV: 1 CAS of the operation whose leftovers are to go.
// Answers 1 removed, 0 kept or absent. What readers do not see stays: another type, an unknown
// version.
const char kRemoveIfOlder[] = R"lua(
local head = redis.pcall('GETRANGE', KEYS[1], 0, 15)
if type(head) == 'table' then
  if string.sub(head.err, 1, 9) == 'WRONGTYPE' then return 0 end
  return head
end
if #head == 16 and string.sub(head, 1, 2) == '\193\141' then
  if string.byte(head, 3) ~= 1 then return 0 end
  local high, low = struct.unpack('>I4I4', head, 9)
  local own_high, own_low = struct.unpack('>I4I4', ARGV[1])
  if high > own_high or (high == own_high and low >= own_low) then return 0 end
end
return redis.pcall('UNLINK', KEYS[1])
)lua";

}  // namespace mcrelay::translate::lua
