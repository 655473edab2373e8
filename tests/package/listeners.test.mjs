// What a till tells the page, what the page may hand in, and what is found again after a crash.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { MemoryServer, MemoryStore, shopProfile } from "./memory-server.mjs";
import { project } from "./project.mjs";
import { packed, startBackend } from "./reference.mjs";

const restamp = await packed();
const { openTill } = restamp;
const schedule = { kind: "fixed", base: 5, attempts: 3 };
const cart = () => ({ customer: "Walk-in", total: "12.50", lines: [{ id: "r1", sku: "TEA", qty: 1 }] });

async function shop(t, more = {}) {
  const { server = new MemoryServer(), ...options } = more;
  if (!server.doc("A")) server.put("A", cart());
  const till = await openTill({ backend: server.backend, profile: shopProfile, till: "T1", user: "anna", store: "memory", schedule, ...options });
  t.after(() => till.close());
  return { server, till };
}

test("subscribe() tells of every change at once, until it is taken back", async (t) => {
  const { till } = await shop(t);
  const draft = await till.open("A");
  const seen = [];
  const stop = draft.subscribe(() => seen.push(draft.get("customer")));
  draft.set("customer", "Somchai");
  assert.deepEqual(seen, ["Somchai"], "before set() returns");
  stop();
  stop();
  draft.set("customer", "Anna");
  assert.deepEqual(seen, ["Somchai"]);
});

test("a listener may edit, and take itself back", async (t) => {
  const { server, till } = await shop(t);
  const draft = await till.open("A");
  const stop = draft.subscribe(() => {
    stop();
    draft.set("note", `for ${draft.get("customer")}`);
  });
  draft.set("customer", "Somchai");
  assert.equal((await draft.save()).kind, "committed");
  assert.equal(server.doc("A").note, "for Somchai");
});

test("the till tells of statuses, of what came in, of what waits, and of each step", async (t) => {
  const { server, till } = await shop(t, { host: { now: () => 1_000 } });
  const told = { draft: [], notice: [], outbox: [], log: [] };
  const stops = Object.keys(told).map((type) => till.on(type, (event) => told[type].push(event)));
  const draft = await till.open("A");
  draft.set("customer", "Somchai");
  server.elsewhere("A", (doc) => { doc.note = "theirs"; });
  assert.equal((await draft.save()).kind, "committed");
  const statuses = told.draft.map(({ key, status }) => `${key} ${status}`);
  assert.deepEqual([statuses[0], statuses.at(-1), statuses.includes("A saving")], ["A dirty", "A clean", true]);
  const merged = told.notice.find(({ kind }) => kind === "merged");
  assert.deepEqual([merged.key, merged.message.length > 10], ["A", true]);
  assert.deepEqual([told.outbox[0], told.outbox.at(-1)], [{ waiting: 1 }, { waiting: 0 }]);
  assert.deepEqual(told.log.map(({ event }) => event), ["load-sent", "loaded", "save-sent", "stale", "load-sent", "loaded", "merged", "save-sent", "load-sent", "loaded", "committed"]);
  assert.ok(told.log.every(({ at, key, level }) => at === 1_000 && key === "A" && ["debug", "info", "warn", "error"].includes(level)));
  stops.forEach((stop) => stop());
  const before = told.log.length;
  draft.set("customer", "Anna");
  await draft.save();
  assert.equal(told.log.length, before);
});

test("a listener that throws stops neither the save, nor other listeners, nor the process", () => {
  const folder = project({
    "memory-server.mjs": { from: "memory-server.mjs" },
    "main.mjs": `
      import { openTill } from "restamp";
      import { MemoryServer, shopProfile } from "./memory-server.mjs";
      const told = [];
      console.error = (error) => told.push(error.message);
      const server = new MemoryServer();
      server.put("A", { customer: "Walk-in", lines: [] });
      const till = await openTill({ backend: server.backend, profile: shopProfile, till: "T", user: "u", store: "memory" });
      const draft = await till.open("A");
      let heard = 0;
      till.on("draft", () => { throw new Error("mine"); });
      draft.subscribe(() => { throw new Error("mine too"); });
      draft.subscribe(() => { heard += 1; });
      draft.set("customer", "Somchai");
      const { kind } = await draft.save();
      await new Promise((later) => setTimeout(later, 20));
      console.log(JSON.stringify({ kind, heard: heard > 0, told: [...new Set(told)].sort(), stored: server.doc("A").customer }));
    `,
  });
  const said = JSON.parse(execFileSync(process.execPath, ["main.mjs"], { cwd: folder, encoding: "utf8" }));
  assert.deepEqual(said, { kind: "committed", heard: true, told: ["mine", "mine too"], stored: "Somchai" });
});

test("a closed till takes no calls; what waited for an answer is told so", async (t) => {
  const { server, till } = await shop(t);
  const draft = await till.open("A");
  draft.set("customer", "Somchai");
  server.before = () => new Promise(() => {});
  const saving = assert.rejects(draft.save(), { name: "RestampError", code: "closed" });
  const opening = assert.rejects(till.open("B"), { code: "closed" });
  await till.close();
  await Promise.all([saving, opening, till.close()]);
  for (const call of [() => draft.set("customer", "x"), () => draft.increment("lines[r1].qty", "1"), () => draft.remove("lines", "r1"), () => draft.replace(cart())]) {
    assert.throws(call, { name: "RestampError", code: "closed" });
  }
  for (const call of [() => draft.save(), () => draft.submit(), () => draft.discard(), () => till.open("A"), () => till.create({})]) {
    await assert.rejects(call(), { name: "RestampError", code: "closed" });
  }
  assert.equal(draft.get("customer"), "Somchai", "what it showed can still be read");
});

test("with time, chance and waiting handed in, runs are alike to the letter", async (t) => {
  const run = async () => {
    let now = 1_700_000_000_000;
    let seed = 7;
    const waits = [];
    const host = {
      now: () => now,
      random: () => { seed = (seed * 16_807) % 2_147_483_647; return seed / 2_147_483_647; },
      async sleep(ms, signal) {
        assert.ok(signal instanceof AbortSignal);
        waits.push(ms);
        now += ms;
      },
    };
    const store = new MemoryStore();
    const { server, till } = await shop(t, { host, store, schedule: { kind: "decorrelated", base: 300, cap: 5_000, attempts: 6 } });
    const log = [];
    till.on("log", (line) => log.push(line));
    const draft = await till.create({ customer: "Somchai", lines: [{ sku: "TEA", qty: 1 }] });
    let busy = 3;
    server.before = (name) => (name.startsWith("save") && busy-- > 0 ? { kind: "unavailable", applied: "no", retryAfter: busy === 1 ? 2_000 : undefined } : undefined);
    const outcome = await draft.save();
    await till.close();
    const journal = (await store.load("anna")).map((entry) => new TextDecoder().decode(entry));
    return { waits, log, outcome, journal, saves: server.saves, now };
  };
  const [one, two] = [await run(), await run()];
  assert.deepEqual(one, two);
  assert.equal(one.outcome.kind, "committed");
  assert.ok(one.waits.length >= 3 && one.waits.some((ms) => ms >= 2_000), `waits ${one.waits}`);
});

test("an unsaved draft is found again by the next till with the same store, and can be saved", async (t) => {
  const store = new MemoryStore();
  const { server, till } = await shop(t, { store });
  const draft = await till.open("A");
  draft.increment("lines[r1].qty", "2");
  draft.insert("lines", { id: "r7", sku: "MILK", qty: 1 });
  const created = await till.create({ customer: "Somchai", lines: [] });
  await draft.durable();
  const shown = draft.doc;
  // No close(): the page has crashed here.
  const { till: next } = await shop(t, { store, server });
  const loads = server.calls.length;
  const found = await next.open("A");
  assert.equal(server.calls.length, loads, "the local draft, not the server's document");
  assert.deepEqual([found.doc, found.status, found.stamp], [shown, "dirty", "s1"]);
  const again = await next.open(created.key);
  assert.deepEqual([again.get("customer"), again.status, again.stamp], ["Somchai", "dirty", null]);
  server.elsewhere("A", (doc) => { doc.lines[0].qty += 5; });
  assert.deepEqual([(await found.save()).kind, (await again.save()).kind], ["committed", "committed"]);
  assert.deepEqual(server.doc("A").lines.map(({ id, qty }) => [id, qty]), [["r1", 8], ["r7", 1]]);
  const { till: other } = await shop(t, { store, server, user: "ben" });
  assert.equal((await other.open("A")).status, "clean", "another user's");
});

test("a crash while a save is in flight: the save is recognised, never repeated", async (t) => {
  for (const applied of [true, false]) {
    const store = new MemoryStore();
    const { server, till } = await shop(t, { store });
    const draft = await till.open("A");
    draft.increment("lines[r1].qty", "2");
    await new Promise((reached) => {
      const stuck = (name) => (name === "save A" ? (reached(), new Promise(() => {})) : undefined);
      server[applied ? "after" : "before"] = stuck;
      draft.save().catch(() => {});
    });
    server.before = server.after = () => undefined;
    const { till: next } = await shop(t, { store, server });
    const found = await next.open("A");
    assert.equal((await found.save()).kind, "committed");
    assert.deepEqual([server.doc("A").lines[0].qty, found.status], [3, "clean"], `applied: ${applied}`);
  }
});

test("a journal of another version or a broken one is refused, and left as it is", async () => {
  const text = (value) => new TextEncoder().encode(value);
  const cases = [
    [[text("{\"v\":99,\"entry\":\"state\"}")], "journal-format"], [[text("not JSON")], "journal-broken"], [[new Uint8Array([0xff])], "journal-broken"],
    [[text("{\"v\":1,\"entry\":\"edited\",\"id\":\"x\",\"revision\":1,\"op\":{}}")], "journal-broken"], [[text("[]")], "journal-format"],
  ];
  for (const [entries, code] of cases) {
    const store = new MemoryStore();
    store.users.set("anna", entries);
    await assert.rejects(openTill({ backend: new MemoryServer().backend, till: "T", user: "anna", store }), { name: "RestampError", code });
    assert.ok(store.users.get("anna") === entries);
  }
  for (const wrong of [undefined, null, 5, {}, "x", ["entry"], [5], [null]]) {
    const store = new MemoryStore();
    store.load = async () => wrong;
    await assert.rejects(openTill({ backend: new MemoryServer().backend, till: "T", user: "anna", store }), { name: "RestampError" }, String(wrong));
  }
});

test("a disk that fails for a while is told once, leaves no gap, and durable() does not lie", async (t) => {
  const store = new MemoryStore();
  const { server, till } = await shop(t, { store });
  const notices = [];
  till.on("notice", ({ kind, message }) => notices.push([kind, message.length > 10]));
  const draft = await till.open("A");
  store.broken = new Error("disk full");
  draft.increment("lines[r1].qty", "1");
  await assert.rejects(draft.durable(), { name: "RestampError", code: "storage" });
  draft.increment("lines[r1].qty", "1");
  await assert.rejects(draft.durable(), { code: "storage" });
  assert.deepEqual(notices, [["storage", true]]);
  store.broken = null;
  draft.increment("lines[r1].qty", "1");
  await draft.durable();
  const { till: next } = await shop(t, { store, server });
  assert.equal((await next.open("A")).get("lines[r1].qty"), 4);
});

test("with Frappe: what one till saves, another one reads, and the draft's face is the same", async (t) => {
  const reference = await startBackend();
  const backend = () => restamp.frappe({ url: reference.url, doctype: "Sales Invoice", token: "till-1:secret" });
  const { till } = await shop(t, { backend: backend(), profile: restamp.profiles.salesInvoice });
  const draft = await till.create({ customer: "Walk-in", items: [{ item_code: "TEA", qty: 1 }, { item_code: "CAKE", qty: 2, posa_row_id: "r2" }] });
  const [{ posa_row_id: made }] = draft.doc.items;
  assert.equal(typeof made, "string", "rows without an identity get one");
  assert.equal((await draft.save()).kind, "committed");
  assert.match(draft.key, /^ACC-SINV-/);
  draft.increment(`items[${made}].qty`, "2");
  draft.move("items", "r2", null);
  draft.insert("payments", { mode_of_payment: "Cash", amount: "5.00" });
  assert.equal((await draft.save()).kind, "committed");
  const stored = await reference.invoice(draft.key);
  assert.deepEqual(stored.items.map(({ posa_row_id, qty, idx }) => [posa_row_id, qty, idx]), [["r2", 2, 1], [made, 3, 2]]);
  const wrong = await draft.submit({ expectedTotal: "1.00" });
  assert.deepEqual([wrong.kind, wrong.conflicts[0].reason], ["conflict", "total-changed"]);
  draft.resolve(wrong.conflicts[0].path, "theirs");
  assert.equal((await draft.submit()).kind, "committed");
  assert.deepEqual([draft.status, (await reference.invoice(draft.key)).docstatus], ["closed", 1]);
});
