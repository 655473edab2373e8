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

test("a wrong key or stamp is told to the caller", async (t) => {
  const { till } = await shop(t);
  for (const key of [undefined, null, 5, {}]) assert.throws(() => till.changed(key), { code: "invalid-argument" });
  for (const stamp of [null, 5, {}]) assert.throws(() => till.changed("A", stamp), { code: "invalid-argument" });
  await till.close();
  assert.throws(() => till.changed("A"), { code: "closed" });
});
