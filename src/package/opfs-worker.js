// The files of opfs.js. Folder `restamp`, and in it for each user: `NAME.term`, eight bytes, of which the first is 1 while the
// journal lacks something that the page sent, and the last four say whose turn it is to write; and journals
// `NAME.TERM.NUMBER`, of which the last whole one counts. A journal is a header (8 bytes: "rstmp", the format, whether it is
// whole, 0) and batches: length and CRC-32 of what follows, then each entry with its length. A batch that was cut off by a
// crash was never said to be kept, and ends the file.
//
// A page that lost its turn may still write to its own file. After each write it looks at the term: if that is its own
// still, then the next page, which first writes the term and then reads, has read what was written.

const format = 1;
const header_bytes = 8;
const term_bytes = 8;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = table[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function refusal(code, message) {
  return Object.assign(new Error(message), { code });
}

/** One batch of entries as bytes. */
function pack(entries) {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 4 + entry.length, 8));
  const view = new DataView(bytes.buffer);
  let at = 8;
  for (const entry of entries) {
    view.setUint32(at, entry.length);
    bytes.set(entry, at + 4);
    at += 4 + entry.length;
  }
  view.setUint32(0, at - 8);
  view.setUint32(4, checksum(bytes.subarray(8)));
  return bytes;
}

/** The entries of all whole batches, and where these end. */
function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = [];
  let end = header_bytes;
  while (end + 8 <= bytes.length) {
    const next = end + 8 + view.getUint32(end);
    if (next > bytes.length || checksum(bytes.subarray(end + 8, next)) !== view.getUint32(end + 4)) break;
    for (let at = end + 8; at < next; at += 4 + view.getUint32(at)) entries.push(bytes.slice(at + 4, at + 4 + view.getUint32(at)));
    end = next;
  }
  return { entries, end };
}

let folder;
let strict = false;
/** By user: the term, the file that holds it, the journal, its place in the order and where it ends. */
const users = new Map();

async function handleOf(name) {
  const file = await folder.getFileHandle(name, { create: true });
  // Several pages may have it open, where the browser can do that; a frozen page then keeps nobody out.
  return file.createSyncAccessHandle({ mode: "readwrite-unsafe" });
}

function isTorn(handle) {
  const bytes = new Uint8Array(1);
  handle.read(bytes, { at: 0 });
  return bytes[0] === 1;
}

/** Over a byte that is there already: that needs no room. */
function markTorn(used, torn) {
  if (used.torn === torn) return;
  used.terms.write(Uint8Array.of(Number(torn)), { at: 0 });
  used.terms.flush();
  used.torn = torn;
}

function readTerm(handle) {
  const bytes = new DataView(new ArrayBuffer(8));
  handle.read(bytes, { at: 0 });
  return bytes.getUint32(4);
}

function nameOf(user) {
  return `u-${encodeURIComponent(user)}`;
}

async function use(user) {
  let used = users.get(user);
  if (!used) {
    const terms = await handleOf(`${nameOf(user)}.term`);
    if (terms.getSize() < term_bytes) terms.write(new Uint8Array(term_bytes), { at: 0 });
    used = { name: nameOf(user), term: undefined, terms, torn: isTorn(terms), journal: undefined, number: 0, end: 0 };
    users.set(user, used);
  }
  return used;
}

/** The user's journals, the last one first. */
async function journals(used) {
  const found = [];
  for await (const name of folder.keys()) {
    const match = name.startsWith(`${used.name}.`) && /^(\d+)\.(\d+)$/.exec(name.slice(used.name.length + 1));
    if (match) found.push({ name, term: Number(match[1]), number: Number(match[2]) });
  }
  return found.sort((a, b) => b.term - a.term || b.number - a.number);
}

async function readAll(name) {
  const file = await folder.getFileHandle(name);
  return new Uint8Array(await (await file.getFile()).arrayBuffer());
}

/** Writes `bytes` (without header) as a new journal, which counts once its header says that it is whole. */
async function begin(used, bytes) {
  const before = used.journal;
  const number = used.number + 1;
  const handle = await handleOf(`${used.name}.${used.term ?? 0}.${number}`);
  try {
    handle.truncate(0);
    handle.write(bytes, { at: header_bytes });
    handle.flush();
    handle.write(Uint8Array.of(0x72, 0x73, 0x74, 0x6d, 0x70, format, 1, 0), { at: 0 });
    handle.flush();
  } catch (error) {
    handle.close();
    throw error;
  }
  [used.journal, used.number, used.end] = [handle, number, header_bytes + bytes.length];
  check(used);
  before?.close();
  for (const { name, term, number: other } of await journals(used)) {
    // One that another page has open stays until the next time.
    if (term < (used.term ?? 0) || (term === (used.term ?? 0) && other < number)) await folder.removeEntry(name).catch(() => {});
  }
}

function check(used) {
  if (used.term !== undefined && readTerm(used.terms) !== used.term) throw refusal("fenced", "restamp: another page writes");
}

const methods = {
  async open(isStrict) {
    strict = isStrict;
    folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("restamp", { create: true });
  },

  async fence(user) {
    const used = await use(user);
    const bytes = new DataView(new ArrayBuffer(4));
    used.term = readTerm(used.terms) + 1;
    bytes.setUint32(0, used.term);
    used.terms.write(bytes, { at: 4 });
    used.terms.flush();
    used.torn = isTorn(used.terms);
    used.journal?.close();
    [used.journal, used.number] = [undefined, 0];
    return used.term;
  },

  async load(user) {
    const used = await use(user);
    for (const { name } of await journals(used)) {
      const bytes = await readAll(name);
      if (bytes.length < header_bytes || bytes[6] !== 1) continue; // not whole: the one before counts
      if (bytes[5] !== format) throw refusal("journal-format", "restamp: the journal on this device was written by another version");
      const { entries, end } = unpack(bytes);
      if (used.term !== undefined) await begin(used, bytes.subarray(header_bytes, end));
      return entries;
    }
    return [];
  },

  async append(user, entries) {
    const used = await use(user);
    const bytes = pack(entries);
    try {
      if (!used.journal) await begin(used, new Uint8Array(0));
      used.journal.write(bytes, { at: used.end });
      if (strict) used.journal.flush();
    } catch (error) {
      used.journal?.truncate(used.end);
      check(used);
      markTorn(used, true);
      throw error;
    }
    check(used);
    used.end += bytes.length;
    markTorn(used, false);
  },

  async compact(user, entries) {
    const used = await use(user);
    check(used);
    await begin(used, entries.length > 0 ? pack(entries) : new Uint8Array(0));
    markTorn(used, false);
  },

  async isWhole(user) {
    return !(await use(user)).torn;
  },

  async close() {
    for (const used of users.values()) {
      used.journal?.close();
      used.terms.close();
    }
    users.clear();
  },
};

/** One after the other: each call sees what the one before has done. */
let last = Promise.resolve();
onmessage = ({ data: [number, method, args] }) => {
  last = last.then(() => methods[method](...args)).then(
    (answer) => postMessage([number, answer]),
    ({ name, code, message }) => postMessage([number, undefined, { name, message, code: typeof code === "string" ? code : undefined }]),
  );
};
