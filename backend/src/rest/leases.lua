-- One step of a document's lease, atomic in Redis.
-- KEYS: lease (a hash: holder, fence), fence (how far the fences got), queue (a hash: holder to
-- "number until bars parked"; a ticket's number is the microsecond in which it was given).
-- ARGV: what to do, holder, how long the lease or the ticket lasts, fence or floor, parked, for how
-- long others may pass, most tickets, most parked, how many are told.
local lease, fences, queue = KEYS[1], KEYS[2], KEYS[3]
local what, holder, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- The living tickets, first come first, how many of them are parked, and the asker's.
local function tickets()
  local found, parked, mine = {}, 0, nil
  local all = redis.call('HGETALL', queue)
  for i = 1, #all, 2 do
    local number, untill, bars, is_parked = all[i + 1]:match('(%d+) (%d+) (%d+) (%d)')
    if tonumber(untill) <= now then
      redis.call('HDEL', queue, all[i])
    else
      local ticket = { holder = all[i], number = tonumber(number), text = number,
                       untill = tonumber(untill), bars = tonumber(bars), barred = bars }
      parked = parked + tonumber(is_parked)
      table.insert(found, ticket)
      if all[i] == holder then mine = ticket end
    end
  end
  table.sort(found, function(a, b) return a.number < b.number end)
  return found, parked, mine
end

-- An answer with the holders that are to be told.
local function told(answer)
  local found = tickets()
  for i = 1, math.min(#found, tonumber(ARGV[9])) do
    table.insert(answer, found[i].holder)
  end
  return answer
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
    return told({ 'released' })
  end
  return { 'nothing' }
elseif what == 'leave' then
  redis.call('HDEL', queue, holder)
  if holds == holder then redis.call('DEL', lease) elseif holds then return { 'left' } end
  return told({ 'left' })
elseif what == 'stand' then
  if holds == holder then return { 'free' } end
  if holds then return { 'held', tostring(left) } end
  local longest = 0
  for _, ticket in ipairs(tickets()) do
    if ticket.holder == holder then break end
    if ticket.bars <= now then longest = math.max(longest, ticket.untill - now) end
  end
  if longest > 0 then return { 'held', tostring(longest) } end
  return { 'free' }
elseif what == 'grant' then
  if holds and holds ~= holder then return { 'held', '0' } end
  if not holds then
    -- The floor is what the database knows: a Redis that lost its data must not go back.
    local reached = tonumber(redis.call('GET', fences) or '0')
    if reached < tonumber(ARGV[4]) then redis.call('SET', fences, ARGV[4]) end
    fence = tostring(redis.call('INCR', fences))
    redis.call('HSET', lease, 'holder', holder, 'fence', fence)
  end
  redis.call('PEXPIRE', lease, ttl)
  redis.call('HDEL', queue, holder)
  return { 'granted', fence }
end

-- queue
local answer = { 'waiting' }
if holds == holder then
  redis.call('DEL', lease)
  answer = told(answer)
end
local found, parked, mine = tickets()
if not mine and (#found >= tonumber(ARGV[7]) or ARGV[5] == '1' and parked >= tonumber(ARGV[8])) then
  answer[1] = 'full'
  return answer
end
local number = mine and mine.text or string.format('%d%06d', clock[1], clock[2])
local bars = mine and mine.barred or string.format('%d', now + tonumber(ARGV[6]))
redis.call('HSET', queue, holder, string.format('%s %d %s %s', number, now + ttl, bars, ARGV[5]))
redis.call('PEXPIRE', queue, ttl + 60000)
return answer
