"""The scripts that Redis runs, each as one step that nothing comes between.

A cart is a field of the hash of its owner's carts: a head of version, the ids of the
last writes and the time, a newline, and the text. A lock is a hash with the token of
its holder, and a mark if somebody waits for it.
"""

from __future__ import annotations

import typing as t

_RELEASE: t.Final = """
local function release(lock, wake, token, lease)
    if redis.call('HGET', lock, 'token') ~= token then
        return 0
    end

    local waiting = redis.call('HGET', lock, 'waiting')
    redis.call('DEL', lock)

    -- Only those who wait need to hear of it, and one item wakes one of them.
    if waiting and redis.call('LLEN', wake) == 0 then
        redis.call('LPUSH', wake, 1)
        redis.call('PEXPIRE', wake, lease)
    end

    return 1
end
"""

#: KEYS: carts, lock, wake. ARGV: instance, expected version, write id, new version (0
#: to delete), time in microseconds, text, time to live, token (empty without a lock),
#: lease; both in milliseconds.
COMPARE_AND_SET: t.Final = (
    _RELEASE
    + """
local stored = redis.call('HGET', KEYS[1], ARGV[1])
local version, writes = '0', ''

if stored then
    version, writes = string.match(stored, '^(%d+) ([%w,]+) ')
end

-- Clients send a command again when its answer is lost on the way. The second time it
-- must not look as if a rival had been faster, even if one has written since.
if writes and string.find(writes, ARGV[3], 1, true) then
    return 1
end

if version ~= ARGV[2] then
    return 0
end

-- Whoever holds the lock is the only one who writes, and only while its lease lasts.
if (redis.call('HGET', KEYS[2], 'token') or '') ~= ARGV[8] then
    return ARGV[8] == '' and -1 or 0
end

if ARGV[4] == '0' then
    redis.call('HDEL', KEYS[1], ARGV[1])
else
    -- The last 16 ids, of 16 characters and a comma each.
    local head = ARGV[4] .. ' ' .. string.sub(ARGV[3] .. ',' .. writes, 1, 272)
    redis.call('HSET', KEYS[1], ARGV[1], head .. ' ' .. ARGV[5] .. '\\n' .. ARGV[6])
    redis.call('PEXPIRE', KEYS[1], ARGV[7])
end

if ARGV[8] ~= '' then
    release(KEYS[2], KEYS[3], ARGV[8], ARGV[9])
end

return 1
"""
)

#: KEYS: carts. ARGV: instance, time to live in milliseconds.
READ_AND_RENEW: t.Final = """
redis.call('PEXPIRE', KEYS[1], ARGV[2])

return redis.call('HGET', KEYS[1], ARGV[1])
"""

#: KEYS: carts, lock. ARGV: instance, token, lease in milliseconds, 1 if others may be
#: waiting. Returns 1 and the record, or 0 and the milliseconds that the lease has left.
ACQUIRE_AND_READ: t.Final = """
local holder = redis.call('HGET', KEYS[2], 'token')

if holder and holder ~= ARGV[2] then
    redis.call('HSET', KEYS[2], 'waiting', 1)
    return {0, redis.call('PTTL', KEYS[2])}
end

redis.call('HSET', KEYS[2], 'token', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])

-- Its mark was on the lock that is gone, and others may have waited together with us.
if ARGV[4] == '1' then
    redis.call('HSET', KEYS[2], 'waiting', 1)
end

return {1, redis.call('HGET', KEYS[1], ARGV[1])}
"""

#: KEYS: lock, wake. ARGV: token, lease in milliseconds.
RELEASE: t.Final = (
    _RELEASE
    + """
return release(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
"""
)

#: KEYS: carts. Returns the instances and the heads of their records, in turns.
READ_HEADS: t.Final = """
local carts = redis.call('HGETALL', KEYS[1])

for index = 2, #carts, 2 do
    carts[index] = string.match(carts[index], '^[^\\n]*')
end

return carts
"""
