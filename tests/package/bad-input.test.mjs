// Arguments of every wrong kind: each gives a RestampError that names the argument, and changes nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryServer, shopProfile } from "./memory-server.mjs";
import { packed } from "./reference.mjs";

const restamp = await packed();
const { classify, delay, frappe, merge, mergeBytes, openTill, profiles, rest, schedules } = restamp;

/** Runs `misuse`, which must throw or reject with a RestampError of this code whose message matches. */
async function refused(misuse, code, message) {
  let result;
  try {
    result = await misuse();
  } catch (error) {
    assert.ok(error instanceof restamp.RestampError, `${misuse}: ${error?.stack ?? error}`);
    assert.equal(error.name, "RestampError");
    assert.equal(error.code, code, `${misuse}: ${error.message}`);
    assert.match(error.message, message, String(misuse));
    assert.match(error.message, /^restamp: /);
    return;
  }
  assert.fail(`${misuse} was not refused: ${JSON.stringify(result)}`);
}

const cyclic = {};
cyclic.self = cyclic;
const deep = (levels) => {
  let value = 1;
  for (let level = 0; level < levels; level += 1) value = level % 2 ? { a: value } : [value];
  return value;
};
/** Values that are no plain data. */
const unplain = {
  "a function": () => {}, "a function inside": { a: [() => {}] }, "a symbol": Symbol("s"), "a BigInt": 12n, "a cycle": cyclic, undefined,
  "undefined in a list": [1, undefined], NaN: NaN, Infinity: Infinity, "-Infinity inside": { rate: -Infinity }, "a Map": new Map([[1, 2]]),
  "a promise that nobody awaited": { rate: Promise.resolve(1) }, "bytes": { a: new Uint8Array(2) }, "nesting without end": deep(20_000),
  "something that throws when read": { get qty() { throw new Error("no"); } },
};
const nobody = [undefined, null, 5, "", "x", true, [], () => {}, Symbol("s"), 7n];

async function cart(t, more = {}) {
  const server = new MemoryServer();
  server.put("A", { customer: "Walk-in", currency: "THB", total: "12.50", lines: [{ id: "r1", sku: "TEA", qty: 1, rate: "12.50" }] });
  const till = await openTill({ backend: server.backend, profile: shopProfile, till: "T1", user: "anna", store: "memory", ...more });
  t.after(() => till.close());
  return { server, till, draft: await till.open("A") };
}

test("values that are no plain data are refused wherever a document or value is taken", async (t) => {
  const { till, draft } = await cart(t);
  const before = draft.doc;
  for (const value of Object.values(unplain)) {
    await refused(() => draft.set("note", value), "invalid-argument", /value/);
    // A member that is undefined is as one that is not there, so here undefined stands in a list.
    const inside = value === undefined ? [value] : value;
    await refused(() => draft.insert("lines", { id: "r9", inside }), "invalid-argument", /row/);
    await refused(() => draft.replace({ ...before, inside }), "invalid-argument", /doc/);
    await refused(() => till.create({ inside }), "invalid-argument", /doc/);
    await refused(() => merge({ inside }, {}, {}, profiles.plain), "invalid-argument", /base/);
    await refused(() => merge({}, { ops: [{ op: "set", path: "a", value: inside }] }, {}, profiles.plain), "invalid-argument", /mine\.ops/);
  }
  assert.equal(draft.doc, before, "the draft is as before");
  assert.equal(draft.status, "clean");
});

test("a value says where the part is that is no plain data", async (t) => {
  const { draft } = await cart(t);
  await refused(() => draft.replace({ ...draft.doc, lines: [{ id: "r1", qty: NaN }] }), "invalid-argument", /NaN at lines\[0\]\.qty/);
  await refused(() => draft.set("note", { a: { b: () => {} } }), "invalid-argument", /function at a\.b/);
});

test("what JSON makes text of on purpose is taken: dates, members that are undefined, toJSON()", async (t) => {
  const { draft } = await cart(t);
  draft.set("at", new Date(0));
  draft.set("more", { there: 1, gone: undefined, price: { toJSON: () => "9.90" } });
  assert.equal(draft.get("at"), "1970-01-01T00:00:00.000Z");
  assert.deepEqual(draft.get("more"), { there: 1, price: "9.90" });
});

test("paths that lead nowhere are refused and change nothing", async (t) => {
  const { draft } = await cart(t);
  const before = draft.doc;
  for (const path of nobody.filter((value) => value !== "x")) {
    await refused(() => draft.set(path, 1), "invalid-argument", /path/);
    await refused(() => draft.increment(path, "1"), "invalid-argument", /path/);
    await refused(() => draft.get(path), "invalid-argument", /path/);
    await refused(() => draft.resolve(path, "mine"), "invalid-argument", /path/);
  }
  for (const path of ["lines", "lines[r1]", "lines[", "lines[]", "[r1].qty", "lines[r1]qty", "lines[r1].", "a]"]) {
    await refused(() => draft.set(path, 1), "unknown-path", new RegExp(path.replace(/[[\]]/g, "\\$&")));
  }
  await refused(() => draft.set("carts[r1].qty", 1), "unknown-path", /"carts"/);
  await refused(() => draft.set("lines[zz].qty", 1), "unknown-row", /lines has no row "zz"/);
  await refused(() => draft.increment("lines[zz].qty", "1"), "unknown-row", /"zz"/);
  await refused(() => draft.set("lines[r1].id", "r2"), "read-only", /lines\[r1\]\.id/);
  await refused(() => draft.set("currency", "EUR"), "read-only", /currency/);
  await refused(() => draft.resolve("customer", "mine"), "no-such-conflict", /customer/);
  for (const path of ["nothing", "lines[zz].qty", "lines[r1].nothing", "carts[r1].qty", "lines["]) assert.equal(draft.get(path), undefined);
  assert.equal(draft.doc, before);
});

test("tables and rows that are not there are refused and change nothing", async (t) => {
  const { draft } = await cart(t);
  const before = draft.doc;
  for (const wrong of nobody.filter((value) => value !== "x")) {
    await refused(() => draft.insert(wrong, { id: "r2" }), "invalid-argument", /table/);
    await refused(() => draft.remove(wrong, "r1"), "invalid-argument", /table/);
    await refused(() => draft.remove("lines", wrong), "invalid-argument", /row/);
    await refused(() => draft.move("lines", wrong, null), "invalid-argument", /row/);
    if (wrong !== null && wrong !== "") await refused(() => draft.move("lines", "r1", wrong), "invalid-argument", /after/);
    if (!(wrong && typeof wrong === "object" && !Array.isArray(wrong))) await refused(() => draft.insert("lines", wrong), "invalid-argument", /row/);
  }
  await refused(() => draft.insert("carts", { id: "r2" }), "unknown-path", /carts/);
  await refused(() => draft.insert("lines", { id: "r1" }), "row-exists", /r1/);
  await refused(() => draft.insert("lines", { id: "r2" }, { after: "zz" }), "unknown-row", /zz/);
  await refused(() => draft.insert("lines", { id: "r2" }, { after: 5 }), "invalid-argument", /after/);
  await refused(() => draft.remove("lines", "zz"), "unknown-row", /zz/);
  await refused(() => draft.move("lines", "zz", null), "unknown-row", /zz/);
  await refused(() => draft.move("lines", "r1", "zz"), "unknown-row", /zz/);
  assert.equal(draft.doc, before);
});

test("a row that another till took away is refused by its name, and nothing else is lost", async (t) => {
  const { server, draft } = await cart(t);
  draft.set("customer", "Somchai");
  server.elsewhere("A", (doc) => { doc.lines = []; });
  assert.equal((await draft.save()).kind, "committed");
  await refused(() => draft.increment("lines[r1].qty", "1"), "unknown-row", /r1/);
  assert.deepEqual([draft.get("customer"), draft.status], ["Somchai", "clean"]);
});

test("decimals that are none are refused", async (t) => {
  const { draft } = await cart(t);
  const before = draft.doc;
  const wrong = ["12,50", "abc", "", " 1", "1 ", "1e3", "+1", ".5", "5.", "0x10", "١٢", "1_000", "1.2.3", "--1", "NaN", "Infinity", NaN, Infinity, -Infinity, null, undefined, {}, [], true, 5n, () => {}];
  for (const by of wrong) {
    await refused(() => draft.increment("lines[r1].qty", by), "not-a-decimal", /by/);
    if (by !== undefined) await refused(() => draft.submit({ expectedTotal: by }), "not-a-decimal", /expectedTotal/);
    if (by !== undefined) await refused(() => merge({}, {}, {}, profiles.plain, { expectedTotal: by }), "not-a-decimal", /expectedTotal/);
  }
  await refused(() => draft.increment("customer", "1"), "not-a-decimal", /customer/);
  await refused(() => draft.increment("lines[r1].sku", "1"), "not-a-decimal", /sku/);
  await refused(() => draft.increment("lines[r1].qty", "9".repeat(40)), "not-a-decimal", /by/);
  assert.equal(draft.doc, before);
});

test("options of save() and submit() are checked; an aborted signal sends nothing", async (t) => {
  const { server, draft } = await cart(t);
  draft.increment("lines[r1].qty", "1");
  const sent = server.calls.length;
  for (const signal of ["x", 5, {}, []]) await refused(() => draft.save({ signal }), "invalid-argument", /signal/);
  await refused(() => draft.save({ signal: AbortSignal.abort() }), "aborted", /nothing was sent/);
  assert.equal(server.calls.length, sent);
  assert.equal(draft.status, "dirty");
  assert.equal((await draft.save({ signal: null })).kind, "committed");
});

test("listeners must be functions, events must be known", async (t) => {
  const { till, draft } = await cart(t);
  for (const wrong of [undefined, null, "x", {}, 5]) {
    await refused(() => draft.subscribe(wrong), "invalid-argument", /listener/);
    await refused(() => till.on("draft", wrong), "invalid-argument", /listener/);
  }
  for (const wrong of [undefined, null, "drafts", 5, {}]) await refused(() => till.on(wrong, () => {}), "invalid-argument", /type/);
});

test("openTill() names the option that is wrong", async () => {
  const good = () => ({ backend: new MemoryServer().backend, till: "T1", user: "anna", store: "memory" });
  for (const wrong of nobody) await refused(() => openTill(wrong), "invalid-argument", /option/);
  const cases = {
    backend: [undefined, null, 5, "x", {}, { load() {} }, { save() {} }, { load: 1, save: 2 }, { restampBackend: 0 }, { restampBackend: -1 }, { restampBackend: 1e9 }, { restampBackend: NaN }],
    till: [undefined, null, "", 5, {}],
    user: [undefined, null, "", 5, {}],
    store: [null, 5, "disk", {}, { append() {}, load() {} }, []],
    host: [5, "x", { now: 5 }, { random: "x" }, { sleep: {} }],
  };
  for (const [option, values] of Object.entries(cases)) {
    for (const value of values) await refused(() => openTill({ ...good(), [option]: value }), "invalid-argument", new RegExp(`options\\.${option}`));
  }
  for (const schedule of [null, 5, "odoo", {}, { kind: "linear", base: 1 }, { kind: "fixed" }, { kind: "fixed", base: -1 }, { kind: "fixed", base: NaN },
    { kind: "fixed", base: 1e12 }, { kind: "fixed", base: 1, cap: -1 }, { kind: "fixed", base: 1, factor: 0 }, { kind: "fixed", base: 1, attempts: 0 },
    { kind: "fixed", base: 1, attempts: NaN }, { kind: "fixed", base: 1, deadline: -5 }, { kind: "proportional", base: 1, factor: -0.1 }, { kind: "fixed", base: "100" }]) {
    await refused(() => openTill({ ...good(), schedule }), "invalid-argument", /schedule/);
  }
});

test("a wrong profile is refused with the path of what is wrong", async () => {
  const cases = [
    [{ server: "total" }, "server"], [{ server: [1] }, "server"], [{ tables: [] }, "tables"], [{ tables: { lines: {} } }, "tables.lines.row"],
    [{ tables: { lines: { row: [] } } }, "tables.lines.row"], [{ tables: { lines: { row: "id" } } }, "tables.lines.row"],
    [{ tables: { lines: { row: ["id"], counter: 5 } } }, "tables.lines.counter"], [{ otherwise: "guess" }, "otherwise"], [{ fields: { note: "guess" } }, "fields.note"],
    [{ groups: { "@customer": {} } }, "groups.@customer"], [{ lifecycle: { field: "state" } }, "lifecycle"], [{ lifecycle: "state" }, "lifecycle"], [{ tokenField: 5 }, "tokenField"],
    [{ tables: { lines: { row: ["id"], price: { fields: ["rate"] } } } }, "tables.lines.price"],
    [{ tables: { lines: { row: ["id"], measure: { unit: "uom" } } } }, "tables.lines.measure"],
  ];
  for (const [profile, path] of cases) {
    await refused(() => merge({}, {}, {}, profile), "invalid-profile", new RegExp(`profile\\.${path.replace(/[.]/g, "\\.")}`));
    await refused(() => openTill({ backend: new MemoryServer().backend, profile, till: "T", user: "u", store: "memory" }), "invalid-profile", /profile\./);
  }
  for (const profile of [null, 5, "salesInvoice", () => {}]) await refused(() => merge({}, {}, {}, profile), "invalid-argument", /profile/);
});

test("frappe() and rest() name the option that is wrong", async () => {
  for (const wrong of nobody) {
    await refused(() => frappe(wrong), "invalid-argument", /option/);
    await refused(() => rest(wrong), "invalid-argument", /option/);
  }
  const shared = { url: [5, {}, null], headers: ["x", 5, null, () => {}], fetch: [5, "fetch", {}, null], timeout: ["2000", 0, -1, NaN, Infinity, 1e10, null] };
  const own = {
    frappe: { doctype: [undefined, null, "", 5], token: [5, {}], csrf: ["x", 5], api: ["v3", 2], tokenField: [5], methods: ["x", { update: { path: "" } }, { load: { path: "/x", method: "PATCH" } }] },
    rest: { path: [undefined, null, "", 5], stamp: ["version", 5, {}, { field: 5 }], key: [5], envelope: [{}], tokenField: [[]], wholeAnswers: ["no"], racy: [1] },
  };
  for (const [adapter, make, good] of [["frappe", frappe, { doctype: "Sales Invoice" }], ["rest", rest, { path: "/drafts" }]]) {
    for (const [option, values] of Object.entries({ ...shared, ...own[adapter] })) {
      for (const value of values) await refused(() => make({ ...good, [option]: value }), "invalid-argument", /options\.\w+/);
    }
  }
});

test("merge() and mergeBytes() name the argument that is wrong", async () => {
  const wrong = [undefined, 5, true, Symbol("s"), 7n, () => {}];
  for (const run of [merge, (...args) => mergeBytes(...args)]) {
    for (const value of [...wrong, null]) {
      await refused(() => run(value, {}, {}, profiles.plain), "invalid-argument", /base/);
      await refused(() => run({}, value, {}, profiles.plain), "invalid-argument", /mine/);
    }
    for (const value of wrong) await refused(() => run({}, {}, value, profiles.plain), "invalid-argument", /theirs/);
    await refused(() => run("{", {}, {}, profiles.plain), "not-json", /base/);
    await refused(() => run({}, "{\"a\":01}", {}, profiles.plain), "not-json", /mine/);
    await refused(() => run({}, {}, new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), profiles.plain), "not-json", /theirs/);
    await refused(() => run({}, {}, "[]", profiles.plain), "not-a-document", /theirs/);
    await refused(() => run({ lines: 5 }, {}, {}, shopProfile), "not-a-document", /base: lines/);
    await refused(() => run({}, { ops: [{ op: "set", path: "a" }] }, {}, profiles.plain), "invalid-argument", /ops\[0\]/);
    await refused(() => run({}, { ops: [{ op: "set", path: "a", value: 1 }, { op: "add" }] }, {}, profiles.plain), "invalid-argument", /ops\[1\]/);
    await refused(() => run({}, { ops: [{ op: "increment", path: "a", by: "1,5" }] }, {}, profiles.plain), "invalid-argument", /ops\[0\].*decimal/);
    await refused(() => run({}, { ops: [{ op: "remove", table: "lines", row: "zz" }] }, {}, shopProfile), "unknown-row", /zz/);
  }
  for (const options of [5, "x", null]) await refused(() => merge({}, {}, {}, profiles.plain, options), "invalid-argument", /options/);
  for (const inDoubt of [5, "token", null, { token: 5 }, { sent: 5 }]) await refused(() => merge({}, {}, {}, profiles.plain, { inDoubt }), "invalid-argument", /inDoubt/);
});

test("classify() and delay() name the argument that is wrong", async () => {
  for (const wrong of [undefined, null, 5, "", "soap", {}]) await refused(() => classify(wrong, "load", { status: 200 }), "invalid-argument", /adapter/);
  for (const wrong of [undefined, null, 5, "", "peek", {}]) await refused(() => classify("rest", wrong, { status: 200 }), "invalid-argument", /call/);
  for (const wrong of [undefined, null, 5, {}, { status: "200" }, { status: NaN }, { status: -1 }, { status: 1e9 }]) await refused(() => classify("rest", "load", wrong), "invalid-argument", /response/);
  await refused(() => classify("rest", "load", { status: 200, body: { parsed: true } }), "invalid-argument", /response\.body/);
  await refused(() => classify("rest", "load", { status: 200, headers: new Headers({ etag: "\"1\"" }) }), "invalid-argument", /response\.headers/);
  await refused(() => classify("rest", "load", new Response("{}")), "invalid-argument", /response\./);

  for (const wrong of [undefined, null, 5, "odoo", {}]) await refused(() => delay(wrong, 2, 0), "invalid-argument", /schedule/);
  for (const wrong of [undefined, null, "2", 0, -1, NaN, {}, 2n]) await refused(() => delay(schedules.odoo, wrong, 0), "invalid-argument", /attempt/);
  for (const wrong of [undefined, null, "0", 1, -0.1, NaN, {}]) await refused(() => delay(schedules.odoo, 2, wrong), "invalid-argument", /random/);
  for (const wrong of [null, "5", -1, NaN, {}]) {
    await refused(() => delay(schedules.odoo, 2, 0, wrong), "invalid-argument", /previous/);
    await refused(() => delay(schedules.odoo, 2, 0, undefined, wrong), "invalid-argument", /retryAfter/);
  }
});
