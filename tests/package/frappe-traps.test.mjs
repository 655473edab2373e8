// What goes wrong with real Frappe servers when a document is reloaded and saved again, against the reference backend.
import assert from "node:assert/strict";
import { test } from "node:test";
import { packed, startBackend } from "./reference.mjs";

const restamp = await packed();
const server = await startBackend();
const row = (id, item, qty = 1) => ({ posa_row_id: id, item_code: item, qty });

async function till(t, name, more = {}) {
  const opened = await restamp.openTill({
    backend: restamp.frappe({ url: server.url, doctype: "Sales Invoice", token: `${name}:secret`, ...more }),
    profile: restamp.profiles.salesInvoice, till: name, user: name, store: "memory",
  });
  t.after(() => opened.close());
  return opened;
}

async function twoTills(t, doc, more) {
  const [one, two] = [await till(t, "till-1", more), await till(t, "till-2", more)];
  const mine = await one.create(doc);
  assert.equal((await mine.save()).kind, "committed");
  return { one, two, mine, theirs: await two.open(mine.key) };
}

const sum = (doc) => doc.items.reduce((total, item) => total + item.amount, 0);

test("a row that another till removed comes back as a row that the server stores, not as a ghost", async (t) => {
  const { mine, theirs } = await twoTills(t, { customer: "Walk-in", items: [row("r1", "TEA"), row("r2", "CAKE", 2)] });
  theirs.remove("items", "r2");
  assert.equal((await theirs.save()).kind, "committed");
  mine.increment("items[r2].qty", "1");
  const outcome = await mine.save();
  assert.equal(outcome.kind, "conflict");
  assert.equal(outcome.conflicts[0].reason, "removed-against-edit");
  mine.resolve("items[r2]", "mine");
  assert.equal((await mine.save()).kind, "committed");
  const stored = await server.invoice(mine.key);
  assert.deepEqual(stored.items.map((item) => [item.posa_row_id, item.qty]), [["r1", 1], ["r2", 3]]);
  assert.equal(stored.total, sum(stored), "the total is that of the rows that are stored");
});

test("positions run from 1 without gaps after rows came and went on both sides", async (t) => {
  const { mine, theirs } = await twoTills(t, { customer: "Walk-in", items: [row("r1", "TEA"), row("r2", "CAKE"), row("r3", "COFFEE")] });
  theirs.remove("items", "r1");
  theirs.insert("items", row("t1", "BURGER"));
  assert.equal((await theirs.save()).kind, "committed");
  mine.insert("items", row("m1", "FRIES"), { after: "r2" });
  mine.move("items", "r3", null);
  assert.equal((await mine.save()).kind, "committed");
  const stored = await server.invoice(mine.key);
  assert.deepEqual(stored.items.map((item) => [item.idx, item.posa_row_id]), [[1, "r3"], [2, "r2"], [3, "m1"], [4, "t1"]]);
});

test("a number that was given to another sale meanwhile is not the same document", async (t) => {
  const { mine } = await twoTills(t, { customer: "Walk-in", items: [row("r1", "TEA")] });
  await fetch(`${server.url}/api/resource/Sales%20Invoice/${mine.key}`, { method: "DELETE", headers: { authorization: "token till:secret" } });
  const other = await server.insert({ customer: "Somebody", items: [row("x1", "BURGER")] });
  assert.equal(other.name, mine.key, "the naming series gives the number again");
  mine.increment("items[r1].qty", "1");
  const outcome = await mine.save();
  assert.equal(outcome.kind, "terminal");
  assert.equal(outcome.state, "replaced");
  assert.equal(outcome.leftover.length, 1);
  assert.deepEqual((await server.invoice(mine.key)).items.map((item) => item.posa_row_id), ["x1"], "the other sale is as it was");
});

test("values that the server stores in another spelling are nobody's edit", async (t) => {
  const { mine, theirs } = await twoTills(t, { customer: "Walk-in", due_date: "2026-1-7", items: [row("r1", "TEA")] });
  assert.equal(mine.doc.due_date, (await server.invoice(mine.key)).due_date, "the base is what a load gives");
  mine.set("due_date", "2026-02-01");
  theirs.increment("items[r1].qty", "1");
  assert.equal((await theirs.save()).kind, "committed");
  const outcome = await mine.save();
  assert.equal(outcome.kind, "committed");
  assert.deepEqual(outcome.incoming, ["items[r1].qty"]);
});

test("an update always carries its stamp", async (t) => {
  await server.reset();
  const { mine, theirs } = await twoTills(t, { customer: "Walk-in", items: [row("r1", "TEA")] });
  mine.increment("items[r1].qty", "1");
  theirs.increment("items[r1].qty", "1");
  await Promise.all([mine.save(), theirs.save()]);
  const stored = await server.invoice(mine.key);
  assert.equal(stored.items[0].qty, 3);
  assert.ok((await server.log()).some((entry) => entry.method === "PUT" && entry.status === 417), "one of both was refused");
});

for (const [name, more] of [
  ["API v2 and its error envelope", { api: "v2" }],
  ["frappe.client.save", { methods: { update: { path: "/api/method/frappe.client.save", args: { doc: "$doc" } } } }],
  ["a form-encoded method", {
    methods: { update: { path: "/api/method/frappe.desk.form.save.savedocs", args: { doc: "$doc", action: "Save" }, encode: "form", answer: "docs.0" } },
  }],
]) {
  test(`two tills merge by way of ${name}`, async (t) => {
    const { mine, theirs } = await twoTills(t, { customer: "Walk-in", items: [row("r1", "TEA")] }, more);
    theirs.insert("items", row("t1", "CAKE"));
    assert.equal((await theirs.save()).kind, "committed");
    mine.increment("items[r1].qty", "0.25");
    const outcome = await mine.save();
    assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
    const stored = await server.invoice(mine.key);
    assert.deepEqual(stored.items.map((item) => [item.posa_row_id, item.qty]), [["r1", 1.25], ["t1", 1]]);
  });
}

test("a CSRF token that never comes does not hold a save up for ever", async (t) => {
  const { mine } = await twoTills(t, { customer: "Walk-in", items: [row("r1", "TEA")] }, { csrf: () => new Promise(() => {}), timeout: 500 });
  mine.increment("items[r1].qty", "1");
  assert.equal((await mine.save()).kind, "committed");
});
