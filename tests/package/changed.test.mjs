// The page passes on what the server told: the newest copy is here before a save needs it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryServer, shopProfile } from "./memory-server.mjs";
import { packed } from "./reference.mjs";

const { openTill } = await packed();

async function shop(t) {
  const server = new MemoryServer();
  server.put("A", { customer: "Walk-in", lines: [{ id: "r1", sku: "TEA", qty: 1 }] });
  const till = await openTill({ backend: server.backend, profile: shopProfile, till: "T1", user: "anna", store: "memory" });
  t.after(() => till.close());
  const draft = await till.open("A");
  server.calls.length = 0;
  return { server, till, draft };
}
const changes = (draft) => new Promise((resolve) => { const stop = draft.subscribe(() => { stop(); resolve(); }); });

test("told of a change, a till loads it at once, and the next save is not stale", async (t) => {
  const { server, till, draft } = await shop(t);
  draft.set("customer", "Somchai");
  server.elsewhere("A", (doc) => { doc.lines[0].qty = 5; });
  const changed = changes(draft);
  till.changed("A", "s2");
  await changed;
  assert.deepEqual([draft.status, draft.stamp, draft.get("lines[r1].qty"), draft.get("customer")], ["dirty", "s2", 5, "Somchai"]);
  const outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.attempts], ["committed", 1]);
  assert.deepEqual(server.calls.slice(0, 2), ["load A", "save A"]);
});

test("word of what is here already, or of a document that is not open, asks for nothing", async (t) => {
  const { server, till, draft } = await shop(t);
  till.changed("A", draft.stamp);
  till.changed("B", "s9");
  till.changed("B");
  await new Promise((later) => setTimeout(later, 20));
  assert.deepEqual(server.calls, []);
});

test("word that brings the next document needs no load; one that is not the next is loaded", async (t) => {
  const { server, till, draft } = await shop(t);
  draft.set("customer", "Somchai");
  const next = { customer: "Walk-in", lines: [{ id: "r1", sku: "TEA", qty: 7 }] };
  till.changed("A", "s2", { from: "s1", token: "theirs", doc: next });
  assert.deepEqual([draft.stamp, draft.get("lines[r1].qty"), draft.get("customer"), draft.status], ["s2", 7, "Somchai", "dirty"]);
  till.changed("A", "s3", { from: "s2", doc: JSON.stringify(next).replace("7", "12345678901234567.89") });
  assert.deepEqual([draft.stamp, draft.get("lines[r1].qty")], ["s3", "12345678901234567.89"]);
  assert.deepEqual(server.calls, []);
  for (const more of [{ from: "s9", doc: next }, { doc: next }, { from: "s8" }, {}]) {
    server.elsewhere("A", (doc) => { doc.lines[0].qty += 1; });
    const changed = changes(draft);
    till.changed("A", "s9", more);
    await changed;
    assert.equal(server.calls.splice(0).join(), "load A", JSON.stringify(more));
    assert.notEqual(draft.get("lines[r1].qty"), 7);
  }
});

test("a save of one's own that is told by its token is committed before its answer is here", async (t) => {
  const { server, till, draft } = await shop(t);
  const answered = [];
  server.before = (call, request) => new Promise((go) => answered.push([request, go]));
  draft.increment("lines[r1].qty", "1");
  const saving = draft.save();
  while (!answered.length) await new Promise((later) => setTimeout(later, 1));
  const [[{ token, doc }, go]] = answered;
  // Its token is not in the document: only the word has it.
  till.changed("A", "s2", { from: "s1", token, doc: { ...doc, token: undefined } });
  const outcome = await saving;
  assert.deepEqual([outcome.kind, outcome.stamp, outcome.doc.lines[0].qty, draft.status], ["committed", "s2", 2, "clean"]);
  go();
});

test("a wrong key, stamp or word is told to the caller", async (t) => {
  const { till } = await shop(t);
  for (const key of [undefined, null, 5, {}]) assert.throws(() => till.changed(key), { code: "invalid-argument" });
  for (const stamp of [null, 5, {}]) assert.throws(() => till.changed("A", stamp), { code: "invalid-argument" });
  for (const more of [null, "s1", { from: 5 }, { token: null }, { doc: 7 }, { doc: () => {} }]) assert.throws(() => till.changed("A", "s2", more), { code: "invalid-argument" }, String(more));
  await till.close();
  assert.throws(() => till.changed("A"), { code: "closed" });
});
