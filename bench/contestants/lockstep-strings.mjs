// The lock-step algorithm of Restamp in plain JavaScript, on strings: what a team could write without WebAssembly.
import { held } from "../lockstep/held.mjs";
import { walk } from "../lockstep/walk.mjs";
import { keyed } from "../rules/keyed.mjs";

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const quote = 34, backslash = 92, open = 91, brace = 123, close = 93, braceEnd = 125, comma = 44;

function textOf(string) {
  const code = (at) => string.charCodeAt(at);
  return { string, length: string.length, code, slice: (from, to) => string.slice(from, to), skip: (at) => skip(string, at), agreeing };
}

/** Slices are compared without copying them: growing stretches while they agree, then halves of the one that does not. */
function agreeing(at, other, otherAt) {
  const a = this.string;
  const b = other.string;
  const most = Math.min(a.length - at, b.length - otherAt);
  let equal = 0;
  let stretch = 64;
  let narrowing = false;
  while (equal < most) {
    const length = Math.min(stretch, most - equal);
    if (a.substring(at + equal, at + equal + length) === b.substring(otherAt + equal, otherAt + equal + length)) {
      equal += length;
      if (!narrowing) stretch = Math.min(stretch * 4, 65536);
    } else if (length > 16) {
      narrowing = true;
      stretch = length >> 1;
    } else {
      while (a.charCodeAt(at + equal) === b.charCodeAt(otherAt + equal)) equal++;
      return equal;
    }
  }
  return equal;
}

function skipString(string, at) {
  for (at++; string.charCodeAt(at) !== quote; at++) {
    if (string.charCodeAt(at) === backslash) at++;
    if (at >= string.length) return at;
  }
  return at + 1;
}

function skip(string, at) {
  const first = string.charCodeAt(at);
  if (first === quote) return skipString(string, at);
  if (first !== open && first !== brace) {
    while (at < string.length) {
      const code = string.charCodeAt(at);
      if (code === comma || code === braceEnd || code === close) break;
      at++;
    }
    return at;
  }
  let depth = 0;
  while (at < string.length) {
    const code = string.charCodeAt(at);
    if (code === quote) {
      at = skipString(string, at);
      continue;
    }
    if (code === open || code === brace) depth++;
    else if (code === close || code === braceEnd) depth--;
    at++;
    if (depth === 0) break;
  }
  return at;
}

let known;
let fallback;
let job;

export default {
  name: "lock-step in JavaScript, on strings",
  short: "lock-step JavaScript, strings",
  kind: "same algorithm",
  note: "Restamp's algorithm for teams without WebAssembly; what does not line up goes to the hand-written keyed merge",
  prepare(base, mine, profile) {
    job = { base, mine, profile };
    known = held(textOf(decoder.decode(base)), mine.ops, profile);
    fallback = null;
  },
  merge(bytes) {
    const theirs = textOf(decoder.decode(bytes));
    const pieces = [];
    const out = { copy: (from, to) => { if (to > from) pieces.push(theirs.string.slice(from, to)); }, put: (text) => { pieces.push(text); } };
    if (known !== null && walk(known, theirs, out)) return encoder.encode(pieces.join(""));
    fallback ??= keyed(job.base, job.mine.ops, job.profile);
    return fallback(bytes).bytes;
  },
};
