// Faults that last: whoever waits is told soon, nothing is lost, and when the server is well again the save goes out,
// by itself or when somebody asks, and is stored once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { packed, startBackend } from "./reference.mjs";

const restamp = await packed();
const server = await startBackend();
const schedule = { kind: "full-jitter", base: 20, cap: 200, attempts: 6 };
/** "offline": no answer at all, or none that was whole. Whoever answered, a proxy or a portal, is "busy". */
const reasons = {
  "lost-request": "offline", "lost-answer": "offline", truncate: "offline", "503=0": "busy", "429=0": "busy", deadlock: "busy", "502-html": "busy",
  "504-applied": "busy", garbage: "busy", html: "busy", "session-expired": "signed-out",
};

async function shop(t) {
  const till = await restamp.openTill({
    backend: restamp.frappe({ url: server.url, doctype: "Sales Invoice", token: "till-1:secret", timeout: 2000 }),
    profile: restamp.profiles.salesInvoice, till: "T1", user: "anna", store: "memory", schedule,
  });
  t.after(() => till.close());
  return till;
}

async function until(condition) {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((later) => setTimeout(later, 20));
  }
  assert.fail(`not within 20 s: ${condition}`);
}

for (const [fault, reason] of Object.entries(reasons)) {
  for (const asked of [false, true]) {
    if (fault === "session-expired" && !asked) continue; // it waits for somebody who signs in
    test(`${fault} until the server is well: ${asked ? "saved when asked" : "saved by itself"}`, async (t) => {
      await server.reset();
      const till = await shop(t);
      const draft = await till.create({ customer: "Walk-in", items: [{ item_code: "TEA", qty: 1, posa_row_id: "r1" }] });
      assert.equal((await draft.save()).kind, "committed");
      draft.increment("items[r1].qty", "2");
      const shown = draft.doc;
      await server.fail(fault, "", 0);
      const outcome = await draft.save();
      assert.deepEqual([outcome.kind, outcome.reason], ["queued", reason], JSON.stringify(outcome));
      assert.equal(outcome.nextAttemptAt === undefined, reason === "signed-out");
      assert.deepEqual(draft.doc, shown);
      draft.insert("items", { item_code: "CAKE", qty: 1, posa_row_id: "r2" });
      await server.heal();
      // A try that was under way when the server got well may still come to nothing: then ask once more.
      if (asked && (await draft.save()).kind !== "committed") assert.equal((await draft.save()).kind, "committed");
      else await until(() => draft.status === "dirty" || draft.status === "clean");
      if (draft.status === "dirty") assert.equal((await draft.save()).kind, "committed");
      assert.equal(draft.status, "clean");
      const [stored, ...more] = await server.invoices();
      assert.deepEqual(more, []);
      assert.deepEqual(stored.items.map(({ item_code, qty }) => [item_code, qty]), [["TEA", 3], ["CAKE", 1]]);
    });
  }
}

test("a document created while nothing gets through exists once when it does", async (t) => {
  await server.reset();
  const till = await shop(t);
  const draft = await till.create({ customer: "Walk-in", items: [{ item_code: "TEA", qty: 1, posa_row_id: "r1" }] });
  for (const fault of ["lost-answer", "504-applied", "truncate", "503=0", "lost-request"]) {
    await server.fail(fault, "", 0);
    const { kind } = await draft.save();
    // Between two faults the server is well for a moment, and what waits may use it.
    assert.ok(kind === "queued" || (kind === "committed" && draft.status === "clean"), `${fault}: ${kind}`);
    await server.heal();
  }
  assert.equal((await draft.save()).kind, "committed");
  assert.equal((await server.invoices()).length, 1);
});
