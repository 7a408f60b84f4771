"""The scripts that Redis runs, each as one step that nothing comes between.

A cart is a field of the hash of its owner's carts: a head of version, the ids of the
last writes and the time, a newline, and the text. A lock is a hash with the token of
its holder, and a mark if somebody waits for it.
"""

from __future__ import annotations

import typing as t

from .write_ids import LENGTH
from .write_ids import REMEMBERED

_RELEASE: t.Final = """
local function release(lock, wake, token, lease)
    if redis.call('HGET', lock, 'token') ~= token then
        return
    end

    local waiting = redis.call('HGET', lock, 'waiting')
    redis.call('DEL', lock)

    -- Only those who wait need to hear of it, and one item wakes one of them.
    if waiting and redis.call('LLEN', wake) == 0 then
        redis.call('LPUSH', wake, 1)
        redis.call('PEXPIRE', wake, lease)
    end
end
"""

#: KEYS: carts, lock, wake. ARGV: write id, time to live, token (empty without a lock),
#: lease; both in milliseconds; then of each cart: instance, expected version, new
#: version (0 to delete), time in microseconds (empty to leave it as it is), text.
#: Returns 1 if all of it was done, 0 if somebody was faster, -1 if somebody else holds
#: the lock; then nothing was done.
COMPARE_AND_SET: t.Final = (
    _RELEASE
    + """
local writes, times, is_stale = {}, {}, false

for index = 5, #ARGV, 5 do
    local stored = redis.call('HGET', KEYS[1], ARGV[index])
    local version, ids = '0', ''

    if stored then
        version, ids = string.match(stored, '^(%d+) ([%w_,-]+) ')
    end

    -- Clients send a command again when its answer is lost on the way. The second time
    -- it must not look as if a rival had been faster, even if one has written since.
    if ids and string.find(ids, ARGV[1], 1, true) then
        return 1
    end

    writes[index] = ids
    times[index] = ARGV[index + 3]

    if stored and times[index] == '' then
        times[index] = string.match(stored, ' (%d+)\\n')
    end

    is_stale = is_stale or version ~= ARGV[index + 1]
end

if is_stale then
    return 0
end

-- Whoever holds the lock is the only one who writes, and only while its lease lasts.
if (redis.call('HGET', KEYS[2], 'token') or '') ~= ARGV[3] then
    return ARGV[3] == '' and -1 or 0
end

for index = 5, #ARGV, 5 do
    if ARGV[index + 2] == '0' then
        redis.call('HDEL', KEYS[1], ARGV[index])
    else
        local ids = string.sub(ARGV[1] .. ',' .. writes[index], 1, KEPT)
        local head = ARGV[index + 2] .. ' ' .. ids .. ' ' .. times[index]
        redis.call('HSET', KEYS[1], ARGV[index], head .. '\\n' .. ARGV[index + 4])
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
end

if ARGV[3] ~= '' then
    release(KEYS[2], KEYS[3], ARGV[3], ARGV[4])
end

return 1
""".replace("KEPT", str(REMEMBERED * (LENGTH + len(","))))
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

#: KEYS: carts of owners. ARGV: a time in microseconds, or nothing. Returns of each cart
#: that was saved before it the number of the owner and the lengths of its name and its
#: record, and all these names and records: as two texts, which a client reads faster
#: than a list of many.
FIND_CARTS: t.Final = """
local sizes, texts, before = {}, {}, tonumber(ARGV[1])
local find, match = string.find, string.match

for number, carts in ipairs(KEYS) do
    local all = redis.call('HGETALL', carts)

    for index = 2, #all, 2 do
        local head = find(all[index], '\\n', 1, true) or 0
        local time = tonumber(match(all[index], ' (%d+)\\n', math.max(1, head - 20)))

        if not before or (time and time < before) then
            sizes[#sizes + 1] = number .. ' ' .. #all[index - 1] .. ' ' .. #all[index]
            texts[#texts + 1] = all[index - 1] .. all[index]
        end
    end
end

return {table.concat(sizes, ' '), table.concat(texts)}
"""

#: KEYS: lock, wake. ARGV: token, lease in milliseconds.
RELEASE: t.Final = (
    _RELEASE
    + """
release(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
"""
)
