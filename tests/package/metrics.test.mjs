// metrics() and the event "log": exact counts, the documented names, and no customers' data unless asked for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MemoryServer, shopProfile } from "./memory-server.mjs";
import { root } from "./project.mjs";
import { packed } from "./reference.mjs";

const { openTill } = await packed();

async function shop(t, options = {}) {
  const server = new MemoryServer();
  server.put("A", { customer: "Walk-in", note: "", lines: [{ id: "r1", sku: "TEA", qty: 1, rate: "12.50" }] });
  const till = await openTill({ backend: server.backend, profile: shopProfile, till: "T1", user: "anna", store: "memory", ...options });
  t.after(() => till.close());
  const log = [];
  till.on("log", (line) => log.push(line));
  return { server, till, log, draft: await till.open("A") };
}

test("metrics() counts saves, conflicts, retries, merges and calls exactly", async (t) => {
  const { server, till, draft } = await shop(t);
  const nothing = { saves: 0, committed: 0, conflicts: 0, merged: 0, asked: 0, retries: 0, echoes: 0, leaseWaits: 0, leaseWaitMs: 0, conflictRate: 0,
    strategy: "optimistic" };
  assert.deepEqual(till.metrics(), { ...nothing, requests: 1 });
  draft.increment("lines[r1].qty", "1");
  await draft.save();
  assert.deepEqual(till.metrics(), { ...nothing, saves: 1, committed: 1, requests: server.calls.length });
  draft.increment("lines[r1].qty", "1");
  server.elsewhere("A", (doc) => { doc.lines[0].qty = 7; });
  await draft.save();
  assert.deepEqual(till.metrics(), { ...nothing, saves: 2, committed: 2, conflicts: 1, merged: 1, retries: 1, conflictRate: 0.333333,
    requests: server.calls.length });
  draft.set("customer", "Anna");
  server.elsewhere("A", (doc) => { doc.customer = "Bert"; });
  await draft.save();
  assert.equal(till.metrics().asked, 1);
  assert.ok(Object.isFrozen(till.metrics()));
});

test("the log names what was merged by its paths, and carries no document unless logDocuments says so", async (t) => {
  for (const logDocuments of [undefined, true]) {
    const { server, log, draft } = await shop(t, { logDocuments });
    draft.increment("lines[r1].qty", "1");
    server.elsewhere("A", (doc) => { doc.note = "call Somchai"; });
    await draft.save();
    const merged = log.find(({ event }) => event === "merged");
    assert.deepEqual([merged.key, merged.incoming, merged.reapplied, merged.paths, merged.mine], ["A", 1, 1, ["note"], ["lines[r1].qty"]]);
    const told = JSON.stringify(log);
    assert.equal(told.includes("Somchai"), logDocuments === true);
    assert.equal(log.find(({ event }) => event === "committed").doc?.note, logDocuments && "call Somchai");
  }
});

test("every event of the log is in the documentation, and every one that is there can happen", () => {
  const source = readFileSync(join(root, "src/core/event.rs"), "utf8");
  const names = [...source.matchAll(/Step::\w+(?:\([^)]*\))? => "([a-z-]+)"/g)].map(([, name]) => name).sort();
  assert.ok(names.length > 12, names.join());
  const table = readFileSync(join(root, "README.md"), "utf8").split("| log event |")[1].split("\n\n")[0];
  const documented = [...table.matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name).sort();
  assert.deepEqual(documented, names);
  const types = readFileSync(join(root, "pkg/restamp.d.ts"), "utf8").split("outbox: { waiting: number")[1].split("log: {")[0];
  for (const name of names) assert.match(types, new RegExp(`\\b${name}\\b`), `restamp.d.ts has ${name}`);
});
