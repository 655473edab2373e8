-- One step of a document's lease, atomic in Redis.
-- KEYS: lease (a hash: holder, fence), fence (how far the fences got), tickets (a hash: holder to
-- "number until parked"), numbers (the last ticket).
-- ARGV: what to do, holder, ttl, fence or floor, parked, most tickets, most parked, grace.
local lease, fences, tickets, numbers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local what, holder, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- The first living ticket, how many live, how many of them are parked, and the asker's.
local function queue()
  local first, count, parked, mine = nil, 0, 0, nil
  local all = redis.call('HGETALL', tickets)
  for i = 1, #all, 2 do
    local number, untill, is_parked = all[i + 1]:match('(%d+) (%d+) (%d)')
    number, untill = tonumber(number), tonumber(untill)
    if untill <= now then
      redis.call('HDEL', tickets, all[i])
    else
      count = count + 1
      parked = parked + tonumber(is_parked)
      if not first or number < first.number then
        first = { holder = all[i], number = number, untill = untill }
      end
      if all[i] == holder then mine = number end
    end
  end
  return first, count, parked, mine
end

local function next_holder()
  local first = queue()
  return first and first.holder or ''
end

local holds = redis.call('HGET', lease, 'holder')
local fence = redis.call('HGET', lease, 'fence')
local left = redis.call('PTTL', lease)
if not holds or left <= 0 then holds, fence, left = false, false, 0 end

if what == 'look' then
  return { holds or '', fence or '0', tostring(left) }
elseif what == 'release' then
  if holds and fence == ARGV[4] then
    redis.call('DEL', lease)
    return { 'released', next_holder() }
  end
  return { 'nothing', '' }
elseif what == 'leave' then
  redis.call('HDEL', tickets, holder)
  if holds == holder then redis.call('DEL', lease) elseif holds then return { 'left', '' } end
  return { 'left', next_holder() }
end

-- claim
local first, count, parked, mine = queue()
if holds == holder then
  redis.call('PEXPIRE', lease, ttl)
  redis.call('HDEL', tickets, holder)
  return { 'granted', fence }
end
if not holds and (not first or first.holder == holder) then
  -- The floor is what the database knows: a Redis that lost its data must not go back.
  local reached = tonumber(redis.call('GET', fences) or '0')
  if reached < tonumber(ARGV[4]) then redis.call('SET', fences, ARGV[4]) end
  local granted = redis.call('INCR', fences)
  redis.call('HSET', lease, 'holder', holder, 'fence', tostring(granted))
  redis.call('PEXPIRE', lease, ttl)
  redis.call('HDEL', tickets, holder)
  return { 'granted', tostring(granted) }
end
local retry = holds and left or first.untill - now
if retry < 1 then retry = 1 end
if not mine then
  if count >= tonumber(ARGV[6]) or ARGV[5] == '1' and parked >= tonumber(ARGV[7]) then
    return { 'full', tostring(retry) }
  end
  mine = redis.call('INCR', numbers)
end
retry = math.min(retry, tonumber(ARGV[9]))
local untill = now + retry + tonumber(ARGV[8])
redis.call('HSET', tickets, holder, string.format('%d %d %s', mine, untill, ARGV[5]))
redis.call('PEXPIRE', tickets, retry + tonumber(ARGV[8]) + 60000)
redis.call('PEXPIRE', numbers, retry + tonumber(ARGV[8]) + 120000)
return { 'waiting', tostring(retry) }
