"""What Redis does whole, in Lua: accept a row, move a marker on, tell which of a view's entities live.

Each script touches one key, or two that a hash tag keeps together, so that it runs in a cluster too.
"""

from __future__ import annotations

from hashlib import sha1

ACCEPT_ROW = """
-- KEYS[1] the entity's hash. ARGV: `_ts` field, `_rev` field, order, `_ts` value, seconds to keep (0: for
-- ever), field, value, ... The order is 16 hexadecimal digits of the timestamp and 16 of the created one.
-- Returns 1 written, 0 there already, -1 older than what is there.
local function order_of(moment)  -- of a protobuf Timestamp that stock Feast wrote; before 1970 is the least
  local seconds, nanos, place = 0, 0, 1
  while place <= #moment do
    local tag, value, scale = string.byte(moment, place), 0, 1
    place = place + 1
    repeat
      local byte = string.byte(moment, place)
      value, scale, place = value + (byte % 128) * scale, scale * 128, place + 1
    until byte < 128
    if tag == 8 then seconds = value else nanos = value end
  end
  if seconds > 9000000000 then return '0000000000000000' end
  local micros = seconds * 1000000 + math.floor(nanos / 1000)
  return string.format('%08x%08x', 2147483648 + math.floor(micros / 4294967296), micros % 4294967296)
end
local stored = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2])
if stored[1] then
  local known
  if stored[2] and string.sub(stored[2], 33) == stored[1] then
    known = string.sub(stored[2], 1, 32)
  else
    known = order_of(stored[1]) .. '0000000000000000'
  end
  if ARGV[3] == known then return 0 end
  if ARGV[3] < known then return -1 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4], ARGV[2], ARGV[3] .. ARGV[4], unpack(ARGV, 6))
if ARGV[5] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[5]) else redis.call('PERSIST', KEYS[1]) end
return 1
"""

MOVE_MARKER = """
-- KEYS[1] a hash of moments by view, as text that sorts. ARGV: view, moment, 1 to move back too.
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and ARGV[3] ~= '1' and stored >= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

TELL_STANDING = """
-- KEYS[1] a view's entities by the microsecond of their last row, negated where that row closed them; KEYS[2]
-- a hash of when that row was created, as text that sorts. ARGV: '' of living and '-' of closed entities, the
-- moment of their rows, when these were created, then the entities. What stands is told by the greatest row,
-- in whatever order rows are told. Returns how many were greater.
local scores = redis.call('ZMSCORE', KEYS[1], unpack(ARGV, 4))
local moment, score = tonumber(ARGV[2]), ARGV[1] .. ARGV[2]
local told, created = {}, {}
for place = 4, #ARGV do
  local last = scores[place - 3]
  local ahead = last and moment - math.abs(tonumber(last)) or 1
  if ahead == 0 and ARGV[3] > (redis.call('HGET', KEYS[2], ARGV[place]) or '') then ahead = 1 end
  if ahead > 0 then
    told[#told + 1], told[#told + 2] = score, ARGV[place]
    created[#created + 1], created[#created + 2] = ARGV[place], ARGV[3]
  end
end
if #told > 0 then
  redis.call('ZADD', KEYS[1], unpack(told))
  redis.call('HSET', KEYS[2], unpack(created))
end
return #told / 2
"""

FORGET_STANDING = """
-- KEYS as above. ARGV: two bounds of a range of scores, how many at most. Returns how many went.
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
for _, entity in ipairs(gone) do
  redis.call('ZREM', KEYS[1], entity)
  redis.call('HDEL', KEYS[2], entity)
end
return #gone
"""


def sha(script: str) -> str:
    """How Redis names a script."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


SCRIPTS = {sha(script): script for script in (ACCEPT_ROW, MOVE_MARKER, TELL_STANDING, FORGET_STANDING)}
