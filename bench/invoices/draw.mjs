// A seeded generator (mulberry32): the same documents on every machine, so that results can be compared.
export function drawer(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit) => Math.floor(next() * limit);
  const from = (list) => list[below(list.length)];
  const letters = (alphabet, length) => Array.from({ length }, () => alphabet[below(alphabet.length)]).join("");
  return { next, below, from, letters };
}

/** `count` different whole numbers below `limit`, in random order. */
export function different(draw, limit, count) {
  const all = Array.from({ length: limit }, (_, at) => at);
  for (let at = 0; at < count; at++) {
    const other = at + draw.below(limit - at);
    [all[at], all[other]] = [all[other], all[at]];
  }
  return all.slice(0, count);
}
