// The whole face of Till and Draft, over a backend object of the page's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryServer, shopProfile } from "./memory-server.mjs";
import { packed } from "./reference.mjs";

const restamp = await packed();
const { openTill } = restamp;
const schedule = { kind: "fixed", base: 5, attempts: 3 };
const cart = () => ({ customer: "Walk-in", total: "12.50", lines: [{ id: "r1", sku: "TEA", qty: 1 }, { id: "r2", sku: "CAKE", qty: 2 }] });
const turn = () => new Promise((later) => setTimeout(later, 0));

async function shop(t, more = {}) {
  const { server = new MemoryServer(), ...options } = more;
  if (!server.doc("A")) server.put("A", cart());
  const till = await openTill({ backend: server.backend, profile: shopProfile, till: "T1", user: "anna", store: "memory", schedule, ...options });
  t.after(() => till.close());
  return { server, till, draft: await till.open("A") };
}

/** Holds the next answer of `call` back; answers a function that lets it go. */
function hold(server, call) {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const reached = new Promise((arrive) => {
    server.after = async (name) => {
      if (name !== call) return undefined;
      server.after = () => undefined;
      arrive();
      await held;
      return undefined;
    };
  });
  return { reached, release };
}

test("an opened draft shows the server's document, clean, with its key and stamp", async (t) => {
  const { draft } = await shop(t);
  assert.deepEqual([draft.key, draft.stamp, draft.status, draft.conflicts], ["A", "s1", "clean", []]);
  assert.deepEqual(draft.doc, cart());
});

test("doc and conflicts are frozen, and stay the same object until something in them changes", async (t) => {
  const { draft } = await shop(t);
  const { doc, conflicts } = draft;
  assert.ok([doc, doc.lines, doc.lines[0], conflicts].every(Object.isFrozen));
  assert.throws(() => { doc.lines[0].qty = 5; }, TypeError);
  assert.ok(draft.doc === doc && draft.conflicts === conflicts);
  draft.get("customer");
  assert.throws(() => draft.set("lines[zz].qty", 1));
  assert.ok(draft.doc === doc, "a refused edit changes nothing");
  draft.set("customer", "Somchai");
  assert.ok(draft.doc !== doc && doc.customer === "Walk-in");
});

test("every kind of edit shows at once and is stored", async (t) => {
  const { server, draft } = await shop(t);
  draft.set("customer", "Somchai");
  draft.set("note", { tags: ["vip"] });
  draft.increment("lines[r1].qty", "2");
  draft.increment("lines[r1].qty", "-1");
  draft.set("lines[r2].qty", "5");
  const end = draft.insert("lines", { id: "r3", sku: "MILK", qty: 1 });
  const made = draft.insert("lines", { sku: "SUGAR", qty: 1 }, { after: "r1" });
  const front = draft.insert("lines", { id: "r0", sku: "CUP", qty: 1 }, { after: null });
  assert.deepEqual([end, front, typeof made, draft.get(`lines[${made}].sku`)], ["r3", "r0", "string", "SUGAR"]);
  draft.move("lines", "r3", "r0");
  draft.move("lines", "r2", null);
  draft.remove("lines", "r0");
  assert.deepEqual(draft.doc.lines.map(({ id }) => id), ["r2", "r3", "r1", made]);
  assert.deepEqual([draft.get("note"), draft.get("lines[r1].qty"), draft.get("lines").length, draft.get("lines[r2]").sku], [{ tags: ["vip"] }, 2, 4, "CAKE"]);
  assert.equal(draft.status, "dirty");
  const outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.key, outcome.attempts, outcome.echoed, outcome.incoming], ["committed", "A", 1, false, []]);
  assert.ok(outcome.doc === draft.doc && outcome.stamp === draft.stamp && draft.status === "clean");
  assert.deepEqual(server.doc("A").lines.map(({ id, qty }) => [id, qty]), [["r2", 5], ["r3", 1], ["r1", 2], [made, 1]]);
});

test("replace() takes a whole document: the difference becomes edits", async (t) => {
  const { server, draft } = await shop(t);
  draft.replace({ ...draft.doc, customer: "Somchai", lines: [{ ...draft.doc.lines[0], qty: 3 }, { id: "r9", sku: "MILK", qty: 1 }] });
  server.elsewhere("A", (doc) => { doc.lines[0].qty = 2; doc.note = "theirs"; });
  const outcome = await draft.save();
  assert.equal(outcome.kind, "committed");
  assert.deepEqual(server.doc("A").lines.map(({ id, qty }) => [id, qty]), [["r1", 4], ["r9", 1]]);
  assert.deepEqual([server.doc("A").customer, server.doc("A").note], ["Somchai", "theirs"]);
  assert.ok(outcome.incoming.includes("note") && outcome.reapplied.includes("customer"));
});

test("edits made while a save is in flight stay, and go out with the next one", async (t) => {
  const { server, draft } = await shop(t);
  draft.increment("lines[r1].qty", "1");
  const { reached, release } = hold(server, "save A");
  const first = draft.save();
  await reached;
  assert.equal(draft.status, "saving");
  draft.increment("lines[r1].qty", "10");
  draft.set("customer", "Somchai");
  assert.equal(draft.get("lines[r1].qty"), 12);
  release();
  assert.equal((await first).kind, "committed");
  assert.deepEqual([draft.status, draft.get("lines[r1].qty"), server.doc("A").lines[0].qty], ["dirty", 12, 2]);
  assert.equal((await draft.save()).kind, "committed");
  assert.deepEqual([server.doc("A").lines[0].qty, server.doc("A").customer, server.saves.length], [12, "Somchai", 2]);
});

test("save() twice at once: saves of one draft never overlap, and both are answered", async (t) => {
  const { server, draft } = await shop(t);
  let inside = 0;
  let most = 0;
  server.before = async () => { inside += 1; most = Math.max(most, inside); await turn(); };
  server.after = () => { inside -= 1; };
  draft.increment("lines[r1].qty", "1");
  const first = draft.save();
  const same = draft.save();
  draft.increment("lines[r1].qty", "1");
  const later = draft.save();
  const outcomes = await Promise.all([first, same, later]);
  assert.deepEqual(outcomes.map(({ kind }) => kind), ["committed", "committed", "committed"]);
  assert.deepEqual([most, server.doc("A").lines[0].qty, draft.status], [1, 3, "clean"]);
  assert.ok(server.saves.length <= 2, "one save may carry both");
  assert.equal((await draft.save()).kind, "committed", "nothing to save is committed too");
  assert.ok(server.saves.length <= 2);
});

test("two drafts are saved at once, each on its own", async (t) => {
  const { server, till, draft } = await shop(t);
  server.put("B", cart());
  const other = await till.open("B");
  draft.set("customer", "Anna");
  other.set("customer", "Ben");
  const outcomes = await Promise.all([draft.save(), other.save()]);
  assert.deepEqual(outcomes.map(({ kind, key }) => [kind, key]), [["committed", "A"], ["committed", "B"]]);
  assert.deepEqual([server.doc("A").customer, server.doc("B").customer], ["Anna", "Ben"]);
});

test("a document that is opened twice, also at the same time, is one draft", async (t) => {
  const { server, till, draft } = await shop(t);
  server.put("B", cart());
  const [one, two] = await Promise.all([till.open("B"), till.open("B")]);
  assert.equal(server.calls.filter((call) => call === "load B").length, 1);
  one.set("customer", "Ben");
  assert.equal(two.get("customer"), "Ben");
  assert.ok(one.doc === two.doc);
  const again = await till.open("A");
  draft.set("customer", "Anna");
  assert.ok(again.doc === draft.doc);
  const both = await Promise.allSettled([till.open("none"), till.open("none")]);
  assert.deepEqual(both.map(({ reason }) => reason.code), ["not-found", "not-found"]);
});

test("a created document exists once, however often it is sent", async (t) => {
  const { server, till } = await shop(t);
  const draft = await till.create({ customer: "Somchai", lines: [{ sku: "TEA", qty: 1 }] });
  assert.deepEqual([draft.status, draft.stamp, typeof draft.key], ["dirty", null, "string"]);
  server.after = (name) => {
    server.after = () => undefined;
    if (name === "save null") throw new Error("the answer was lost");
    return undefined;
  };
  let outcome = await draft.save();
  if (outcome.kind === "queued") outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.key, draft.key, draft.status], ["committed", "D1", "D1", "clean"]);
  assert.deepEqual(server.documents.map(({ customer }) => customer), ["Walk-in", "Somchai"]);
  assert.equal(new Set(server.saves.map(({ token }) => token)).size, 1);
  assert.equal(server.saves[0].key, null);
});

test("a conflict is asked about; mine, theirs and another value are answers", async (t) => {
  for (const [take, expected] of [["mine", "Mine"], ["theirs", "Theirs"], [{ value: "Third" }, "Third"]]) {
    const { server, draft } = await shop(t);
    draft.set("customer", "Mine");
    draft.increment("lines[r1].qty", "1");
    server.elsewhere("A", (doc) => { doc.customer = "Theirs"; doc.lines[0].qty += 1; });
    const outcome = await draft.save();
    assert.deepEqual([outcome.kind, draft.status, outcome.conflicts.length], ["conflict", "conflict", 1]);
    const [conflict] = draft.conflicts;
    assert.deepEqual([conflict.path, conflict.reason, conflict.base, conflict.mine, conflict.theirs], ["customer", "both-changed", "Walk-in", "Mine", "Theirs"]);
    assert.ok(outcome.message.length > 10 && Object.isFrozen(conflict) && draft.conflicts === draft.conflicts);
    assert.equal(draft.get("customer"), conflict.provisional);
    for (const wrong of ["ours", undefined, null, 5, {}]) assert.throws(() => draft.resolve("customer", wrong), { code: "invalid-argument" });
    assert.throws(() => draft.resolve("note", "mine"), { code: "no-such-conflict" });
    draft.resolve("customer", take);
    assert.deepEqual(draft.conflicts, []);
    assert.equal((await draft.save()).kind, "committed");
    assert.deepEqual([server.doc("A").customer, server.doc("A").lines[0].qty, draft.status], [expected, 3, "clean"]);
  }
});

test("discard() gives the edits up", async (t) => {
  const { server, draft, till } = await shop(t);
  draft.set("customer", "Somchai");
  await draft.discard();
  assert.deepEqual([draft.status, draft.doc], ["clean", cart()]);
  const created = await till.create({ customer: "Somchai" });
  await created.discard();
  assert.equal(created.status, "closed");
  assert.throws(() => created.set("customer", "x"), { code: "closed" });
  assert.deepEqual([server.saves, server.documents.length], [[], 1]);
});

test("submit() closes the document for the total that the cashier saw", async (t) => {
  const { server, draft } = await shop(t);
  draft.increment("lines[r1].qty", "1");
  const moved = await draft.submit({ expectedTotal: "11.00" });
  assert.deepEqual([moved.kind, moved.conflicts[0].reason, draft.status], ["conflict", "total-changed", "conflict"]);
  draft.resolve(moved.conflicts[0].path, "theirs");
  const outcome = await draft.submit({ expectedTotal: "12.5" });
  assert.deepEqual([outcome.kind, draft.status, server.doc("A").state, server.doc("A").lines[0].qty], ["committed", "closed", "paid", 2]);
  assert.throws(() => draft.set("customer", "x"), { name: "RestampError", code: "closed" });
  assert.equal(draft.get("customer"), "Walk-in", "it can still be read");
});

test("a document that ended elsewhere keeps what is left of mine", async (t) => {
  const ways = { submitted: (server) => server.elsewhere("A", (doc) => { doc.state = "paid"; }), cancelled: (server) => server.elsewhere("A", (doc) => { doc.state = "void"; }), deleted: (server) => server.drop("A") };
  for (const [state, end] of Object.entries(ways)) {
    const { server, draft } = await shop(t);
    draft.insert("lines", { id: "r9", sku: "MILK", qty: 3 });
    end(server);
    const outcome = await draft.save();
    assert.deepEqual([outcome.kind, outcome.state, outcome.alreadyDone, draft.status], ["terminal", state, false, "closed"]);
    // Of a document that was paid what only I had, else all of it: it has no other place.
    const left = outcome.leftover.map(({ table, row, sku }) => `${table} ${row} ${sku}`);
    assert.deepEqual(left, [...(state !== "submitted" ? ["lines r1 TEA", "lines r2 CAKE"] : []), "lines r9 MILK"]);
    assert.ok(outcome.message.length > 10);
  }
});

test("a caller may stop waiting; the save goes on", async (t) => {
  const { server, draft } = await shop(t);
  draft.set("customer", "Somchai");
  const { reached, release } = hold(server, "save A");
  const stop = new AbortController();
  const saving = draft.save({ signal: stop.signal });
  await reached;
  stop.abort();
  await assert.rejects(saving, { name: "RestampError", code: "aborted" });
  release();
  assert.equal((await draft.save()).kind, "committed");
  assert.deepEqual([server.doc("A").customer, server.saves.length, draft.status], ["Somchai", 1, "clean"]);
});

test("a rejected save keeps the edits, and another one is tried when asked", async (t) => {
  const { server, draft } = await shop(t);
  server.before = (name) => (name === "save A" ? { kind: "rejected", code: "invalid", message: "No.", fields: ["customer"] } : undefined);
  draft.set("customer", "Somchai");
  const outcome = await draft.save();
  const { kind, key, code, message, reason, fields } = outcome;
  assert.deepEqual([kind, key, code, fields, reason], ["rejected", "A", "invalid", ["customer"], "No."]);
  assert.match(message, /\u2068No\.\u2069$/, "the server's own words, set apart");
  assert.deepEqual([draft.status, draft.get("customer")], ["dirty", "Somchai"]);
  server.before = () => undefined;
  assert.equal((await draft.save()).kind, "committed");
});
