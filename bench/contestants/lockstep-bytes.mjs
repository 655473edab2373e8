// The lock-step algorithm of Restamp in plain JavaScript, on bytes: nothing becomes a string but what differs.
import { held } from "../lockstep/held.mjs";
import { walk } from "../lockstep/walk.mjs";
import { keyed } from "../rules/keyed.mjs";

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const quote = 34, backslash = 92, open = 91, brace = 123, close = 93, braceEnd = 125, comma = 44;

function textOf(bytes) {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const slice = (from, to) => (to - from < 24 ? short(bytes, from, to) : decoder.decode(bytes.subarray(from, to)));
  return { bytes, words, length: bytes.length, code: (at) => bytes[at], slice, skip: (at) => skip(bytes, at), agreeing };
}

/** A decoder costs more than short ASCII is worth. */
function short(bytes, from, to) {
  let text = "";
  for (let at = from; at < to; at++) {
    if (bytes[at] > 127) return decoder.decode(bytes.subarray(from, to));
    text += String.fromCharCode(bytes[at]);
  }
  return text;
}

/** Sixteen bytes at a time: a DataView reads words wherever they lie, and engines turn that into plain loads. */
function agreeing(at, other, otherAt) {
  const a = this.words, b = other.words;
  const most = Math.min(this.length - at, other.length - otherAt);
  let equal = 0;
  for (; equal + 16 <= most; equal += 16) {
    const i = at + equal, j = otherAt + equal;
    const differs = (a.getInt32(i, true) ^ b.getInt32(j, true)) | (a.getInt32(i + 4, true) ^ b.getInt32(j + 4, true))
      | (a.getInt32(i + 8, true) ^ b.getInt32(j + 8, true)) | (a.getInt32(i + 12, true) ^ b.getInt32(j + 12, true));
    if (differs !== 0) break;
  }
  while (equal < most && this.bytes[at + equal] === other.bytes[otherAt + equal]) equal++;
  // Not within a character: what differs is handed on as text.
  while (equal > 0 && equal < most && (this.bytes[at + equal] & 0xc0) === 0x80) equal--;
  return equal;
}

function skipString(bytes, at) {
  for (at++; at < bytes.length && bytes[at] !== quote; at++) if (bytes[at] === backslash) at++;
  return at + 1;
}

function skip(bytes, at) {
  const first = bytes[at];
  if (first === quote) return skipString(bytes, at);
  if (first !== open && first !== brace) {
    while (at < bytes.length && bytes[at] !== comma && bytes[at] !== braceEnd && bytes[at] !== close) at++;
    return at;
  }
  let depth = 0;
  while (at < bytes.length) {
    const code = bytes[at];
    if (code === quote) {
      at = skipString(bytes, at);
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
  name: "lock-step in JavaScript, on bytes",
  short: "lock-step JavaScript, bytes",
  kind: "same algorithm",
  note: "as on strings; changed bytes are not checked to be UTF-8",
  prepare(base, mine, profile) {
    job = { base, mine, profile };
    known = held(textOf(base), mine.ops, profile);
    fallback = null;
  },
  merge(bytes) {
    let room = new Uint8Array(bytes.length + 65536);
    let length = 0;
    const out = {
      copy(from, to) {
        if (to > from) append(bytes.subarray(from, to));
      },
      put: (text) => append(encoder.encode(text)),
    };
    const append = (part) => {
      if (length + part.length > room.length) {
        const larger = new Uint8Array(2 * (length + part.length));
        larger.set(room.subarray(0, length));
        room = larger;
      }
      room.set(part, length);
      length += part.length;
    };
    if (known !== null && walk(known, textOf(bytes), out)) return room.subarray(0, length);
    fallback ??= keyed(job.base, job.mine.ops, job.profile);
    return fallback(bytes).bytes;
  },
};
