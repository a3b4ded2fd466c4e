#include "protocol/translate/lua.h"
#include "protocol/translate/lua_blocks.h"

namespace mcrelay::translate::lua {

// ARGV: 1 CAS of a vivified item, 2 3 its expiry ('' none: a miss stays a miss), 4 its state,
// 5 6 new expiry, 7 win when the TTL is at most these ms (0 never, -1 always), 8 'h' to mark it
// fetched. Answers {item, TTL before in ms, idle seconds before, 1 when won}, 1 when vivified, 0
// missing.
const char kMetaGet[] = R"lua(
local key = KEYS[1]
local idle = 0
if ARGV[9] == 'l' then
  idle = redis.pcall('OBJECT', 'IDLETIME', key)
  if type(idle) ~= 'number' then idle = 0 end
end
local item = redis.pcall('GET', key)
if type(item) == 'table' then return item end
local tagged = item and #item > 15 and string.sub(item, 1, 2) == '\193\141'
if not item or (tagged and string.byte(item, 3) ~= 1) then
  if ARGV[2] == '' then return 0 end
  item = '\193\141\1' .. ARGV[4] .. '\0\0\0\0' .. ARGV[1]
)lua" MCRELAY_LUA_CREATE("item", "ARGV[2]", "ARGV[3]") R"lua(
  return 1
end

local ttl, won, state = redis.pcall('PTTL', key), 0, 0
if tagged then state = string.byte(item, 4) end
local after = state
if math.floor(state / 2) % 2 == 0 then
  local limit = tonumber(ARGV[7])
  if state % 2 == 1 or limit < 0 or (ttl > 0 and ttl <= limit) then
    won = 1
    after = after + 2
  end
end
if ARGV[8] == 'h' and math.floor(state / 4) % 2 == 0 then after = after + 4 end
if after ~= state then
  local done
  if tagged then
    done = redis.pcall('SETRANGE', key, 3, string.char(after))
  else
    local cas
)lua" MCRELAY_LUA_BARE_CAS("item", "cas") R"lua(
    done = redis.pcall('SET', key, '\193\141\1' .. string.char(after) .. '\0\0\0\0' .. cas .. item,
                       'KEEPTTL')
  end
  -- a server that takes no writes still serves what it has; then nobody wins
  if type(done) == 'table' and done.err then won = 0 end
end
local done
if ARGV[5] == 'EX' then done = redis.pcall('EXPIRE', key, ARGV[6])
elseif ARGV[5] == 'EXAT' then done = redis.pcall('EXPIREAT', key, ARGV[6])
elseif ARGV[5] == 'PERSIST' then done = redis.pcall('PERSIST', key)
elseif ARGV[5] == 'GONE' then done = redis.pcall('UNLINK', key) end
if type(done) == 'table' then return done end
return {item, ttl, idle, won}
)lua";

// ARGV: 1 CAS to compare or empty, 2 own CAS, 3 explicit CAS or empty, 4 'I' or empty, 5 'x' or
// empty, 6 7 new expiry, 8 flags of an emptied item (4 bytes), 9 tagged or plain. Answers 1 done, 0
// missing, -1 other CAS.
const char kMetaDelete[] = R"lua(
local key = KEYS[1]
local head = redis.pcall('GETRANGE', key, 0, 15)
if type(head) == 'table' then return head end
local tagged, value, cas = #head == 16 and string.sub(head, 1, 2) == '\193\141', nil, nil
if tagged then
  if string.byte(head, 3) ~= 1 then return 0 end
  if ARGV[1] ~= '' and string.sub(head, 9) ~= ARGV[1] then return -1 end
else
  if head == '' and redis.pcall('EXISTS', key) == 0 then return 0 end
  if ARGV[1] ~= '' or ARGV[4] ~= '' or ARGV[5] ~= '' then
    value = redis.pcall('GET', key)
)lua" MCRELAY_LUA_BARE_CAS("value", "cas") R"lua(
    if ARGV[1] ~= '' and cas ~= ARGV[1] then return -1 end
  end
end
if (ARGV[4] == '' and ARGV[5] == '') or ARGV[6] == 'GONE' then
  local done = redis.pcall('UNLINK', key)
  if type(done) == 'table' then return done end
  return 1
end

if tagged then cas = string.sub(head, 9) end
if ARGV[3] ~= '' then cas = ARGV[3]
elseif ARGV[4] == 'I' then
  local own = ARGV[2]
  if tagged then
)lua" MCRELAY_LUA_RAISE_CAS("head", "own") R"lua(
  end
  cas = own
end
local state = tagged and string.byte(head, 4) or 0
local done
if ARGV[5] == 'x' then
  state = ARGV[4] == 'I' and 1 or 0
  local item = '\193\141\1' .. string.char(state) .. ARGV[8] .. cas
  if ARGV[9] == 'plain' and state == 0 and ARGV[8] == '\0\0\0\0' and ARGV[3] == '' then item = '' end
  done = redis.pcall('SET', key, item)
else
  if state % 2 == 0 then state = state + 1 end
  if math.floor(state / 2) % 2 == 1 then state = state - 2 end
  if tagged then
    done = redis.pcall('SETRANGE', key, 3, string.char(state) .. string.sub(head, 5, 8) .. cas)
  else
    done = redis.pcall('SET', key, '\193\141\1' .. string.char(state) .. '\0\0\0\0' .. cas .. value,
                       'KEEPTTL')
  end
end
if type(done) == 'table' and done.err then return done end
if ARGV[6] == 'EX' then redis.pcall('EXPIRE', key, ARGV[7])
elseif ARGV[6] == 'EXAT' then redis.pcall('EXPIREAT', key, ARGV[7])
elseif ARGV[6] == 'PERSIST' then redis.pcall('PERSIST', key) end
return 1
)lua";

}  // namespace mcrelay::translate::lua
