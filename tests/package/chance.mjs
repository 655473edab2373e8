// Chance that can be had again: the seed is printed, and taken back from RESTAMP_SEED.
import { randomInt } from "node:crypto";

/** Random numbers from a seed (mulberry32), and the seed. */
export function chance(seed = Number(process.env.RESTAMP_SEED ?? randomInt(2 ** 31))) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    seed,
    next,
    /** A whole number from 0, below `bound`. */
    below: (bound) => Math.floor(next() * bound),
    one: (list) => list[Math.floor(next() * list.length)],
  };
}

/** A fetch that goes wrong now and then, before or after the server did what it was asked for. */
export function unlucky({ next, one }, share) {
  const faults = ["lost-answer", "lost-answer", "lost-request", "503=0", "504-applied", "truncate", "delay=20", "delay-after=20"];
  return (url, options = {}) => {
    const headers = new Headers(options.headers);
    if (next() < share) headers.set("x-fault", one(faults));
    return fetch(url, { ...options, headers });
  };
}
