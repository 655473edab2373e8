// The outbox of a till: what the page sees of it and does with it, while the server is away, signed out, or well.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryServer, MemoryStore, shopProfile } from "./memory-server.mjs";
import { packed, startBackend } from "./reference.mjs";

const restamp = await packed();
const schedule = { kind: "fixed", base: 5, attempts: 3 };
const cart = () => ({ customer: "Walk-in", lines: [{ id: "r1", sku: "TEA", qty: 1 }] });
const noWait = { sleep: () => new Promise(() => {}) };

/** A till of anna's whose waits never end by themselves, unless `host` says otherwise. */
async function shop(t, more = {}) {
  const { server = new MemoryServer(), ...options } = more;
  const till = await restamp.openTill({ backend: server.backend, profile: shopProfile, till: "T1", user: "anna", store: "memory", schedule, host: noWait, ...options });
  t.after(() => till.close());
  return { server, till };
}

/** What the till tells of kind `type` from now on. */
function heard(till, type) {
  const events = [];
  till.on(type, (event) => events.push(event));
  return events;
}

const down = () => { throw new TypeError("fetch failed"); };
const kinds = (outcomes) => outcomes.map(({ kind }) => kind);

async function until(condition) {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((later) => setTimeout(later, 10));
  }
  assert.fail(`not within 20 s: ${condition}`);
}

test("list() shows what is not on the server, and an entry leaves when the server holds it", async (t) => {
  const { server, till } = await shop(t, { host: { ...noWait, now: () => 5_000 } });
  assert.deepEqual(await till.outbox.list(), []);
  assert.equal(till.outbox, till.outbox);
  const draft = await till.create(cart());
  assert.deepEqual(await till.outbox.list(), [{ key: draft.key, status: "dirty", editedAt: 5_000, attempts: 0 }]);
  server.before = down;
  assert.equal((await draft.save()).kind, "queued");
  const [entry] = await till.outbox.list();
  assert.deepEqual([entry.key, entry.status, entry.attempts, entry.reason, typeof entry.nextAttemptAt], [draft.key, "waiting", 1, "offline", "number"]);
  server.before = () => undefined;
  const events = heard(till, "outbox");
  assert.deepEqual(kinds(await till.outbox.flush()), ["committed"]);
  assert.deepEqual(await till.outbox.list(), []);
  assert.deepEqual(await till.outbox.flush(), []);
  assert.equal(events.at(-1).waiting, 0);
  assert.equal(server.documents.length, 1);
});

test("whoever was told \"queued\" learns the outcome by an event, with the document", async (t) => {
  const { server, till } = await shop(t);
  server.put("A", cart());
  const draft = await till.open("A");
  const events = heard(till, "outbox");
  draft.increment("lines[r1].qty", "2");
  server.before = down;
  assert.equal((await draft.save()).kind, "queued");
  assert.ok(events.every(({ outcome }) => outcome === undefined));
  server.before = () => undefined;
  assert.equal((await till.outbox.retry("A")).kind, "committed");
  const [{ waiting, outcome }, ...more] = events.filter((event) => event.outcome);
  assert.deepEqual([waiting, outcome.kind, outcome.key, outcome.doc.lines[0].qty, more], [0, "committed", "A", 3, []]);
});

test("resolve() lets the save go on, and its outcome comes by the event", async (t) => {
  const { server, till } = await shop(t);
  server.put("A", cart());
  const draft = await till.open("A");
  const events = heard(till, "outbox");
  draft.set("customer", "Somchai");
  server.elsewhere("A", (doc) => { doc.customer = "Anna"; });
  const { kind, conflicts: [{ path }] } = await draft.save();
  assert.equal(kind, "conflict");
  draft.resolve(path, "mine");
  await until(() => events.some(({ outcome }) => outcome));
  assert.deepEqual(events.filter(({ outcome }) => outcome).map(({ outcome }) => [outcome.kind, outcome.doc.customer]), [["committed", "Somchai"]]);
});

test("a parked draft is not sent, also by the next page, until it is retried", async (t) => {
  const store = new MemoryStore();
  const { server, till } = await shop(t, { store });
  const draft = await till.create(cart());
  await till.outbox.park(draft.key);
  assert.deepEqual([draft.status, (await till.outbox.list())[0].reason], ["parked", "parked"]);
  const outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.reason], ["queued", "busy"]);
  assert.match(outcome.message, /^Parked/);
  assert.deepEqual(await till.outbox.flush(), []);
  await till.close();
  const { till: next } = await shop(t, { store, server });
  const [{ key, status }] = await next.outbox.list();
  assert.deepEqual([key, status, server.calls], [draft.key, "parked", []]);
  assert.equal((await next.outbox.retry(key)).kind, "committed");
  assert.equal(server.documents.length, 1);
});

test("a server that is away is asked by one call at a time; its first answer lets everything go, at most four at once", async (t) => {
  const { server, till } = await shop(t);
  const [log, notices] = [heard(till, "log"), heard(till, "notice")];
  const states = () => log.filter(({ event }) => event === "breaker").map(({ state }) => state);
  const drafts = [];
  for (let n = 0; n < 30; n += 1) drafts.push(await till.create({ ...cart(), n }));
  server.before = down;
  const outcomes = await Promise.all(drafts.map((draft) => draft.save()));
  assert.deepEqual([...new Set(outcomes.map(({ kind, reason }) => `${kind} ${reason}`))], ["queued offline"]);
  assert.ok(server.calls.length < 10, `${server.calls.length} calls for 30 drafts`);
  assert.deepEqual([states(), notices.map(({ kind }) => kind)], [["open"], ["server-lost"]]);
  const before = server.calls.length;
  assert.deepEqual([...new Set(kinds(await till.outbox.flush()))], ["queued"]);
  assert.equal(server.calls.length, before + 1, "one call probes for all");

  let [flying, most] = [0, 0];
  server.before = async () => {
    flying += 1;
    most = Math.max(most, flying);
    await new Promise((later) => setTimeout(later, 2));
    flying -= 1;
    return undefined;
  };
  const sent = await till.outbox.flush();
  assert.deepEqual([sent.length, [...new Set(kinds(sent))], most], [30, ["committed"], 4]);
  assert.deepEqual([states().at(-1), notices.at(-1).kind, server.documents.length], ["closed", "server-back", 30]);
  assert.deepEqual(server.documents.map(({ n }) => n), drafts.map((_, n) => n), "oldest first");
});

test("the breaker is remembered by the next page: it begins with one call", async (t) => {
  const store = new MemoryStore();
  const { server, till } = await shop(t, { store });
  server.before = down;
  const drafts = [];
  for (let n = 0; n < 12; n += 1) drafts.push(await till.create(cart()));
  await Promise.all(drafts.map((draft) => draft.save()));
  await till.close();
  const before = server.calls.length;
  const { till: next } = await shop(t, { store, server });
  await until(async () => (await next.outbox.list()).every(({ status }) => status === "waiting"));
  assert.equal(server.calls.length, before + 1);
  server.before = () => undefined;
  assert.equal((await next.outbox.flush()).length, 12);
  assert.equal(server.documents.length, 12);
});

test("signed out, all waits for one call; nothing is dropped by logging out, and nobody else's till sends it", async (t) => {
  const store = new MemoryStore();
  const { server, till } = await shop(t, { store });
  const drafts = [];
  for (let n = 0; n < 12; n += 1) drafts.push(await till.create(cart()));
  server.before = () => ({ kind: "unauthenticated" });
  const outcomes = await Promise.all(drafts.map((draft) => draft.save()));
  assert.ok(outcomes.every(({ kind, reason }) => kind === "queued" && reason === "signed-out"));
  assert.ok(server.calls.length <= 4, "those in flight, and no other");
  assert.ok((await till.outbox.list()).every(({ status, reason }) => status === "parked" && reason === "signed-out"));
  const before = server.calls.length;
  await till.outbox.flush();
  assert.equal(server.calls.length, before + 1);
  await till.close();

  server.before = () => undefined;
  const { till: ben } = await shop(t, { store, server, user: "ben" });
  assert.deepEqual([await ben.outbox.list(), server.documents], [[], []]);
  const { till: again } = await shop(t, { store, server });
  await until(() => server.documents.length === 12);
  await until(async () => (await again.outbox.list()).length === 0);
});

test("one CSRF token is fetched for all saves that need one, and it is renewed once", async (t) => {
  let [fresh, asked, saves] = [1, 0, 0];
  const answer = (status, body) => new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
  const fetch = async (url, { method, headers, body }) => {
    await new Promise((later) => setTimeout(later, 5));
    const name = decodeURIComponent(url.split("/").at(-1));
    if (method === "GET") return answer(200, { data: { name, modified: `m${saves}`, docstatus: 0, items: [] } });
    if (headers["X-Frappe-CSRF-Token"] !== `token ${fresh}`) return answer(400, { exc_type: "CSRFTokenError" });
    saves += 1;
    return answer(200, { data: { ...JSON.parse(new TextDecoder().decode(body)), name: `S${saves}`, modified: `m${saves}` } });
  };
  const csrf = async () => {
    asked += 1;
    await new Promise((later) => setTimeout(later, 20));
    return `token ${fresh}`;
  };
  const backend = restamp.frappe({ url: "http://shop", doctype: "Sales Invoice", csrf, fetch });
  const { till } = await shop(t, { backend, profile: restamp.profiles.salesInvoice });
  const all = async () => {
    const drafts = await Promise.all([1, 2, 3, 4].map(() => till.create({ customer: "Walk-in", items: [] })));
    return kinds(await Promise.all(drafts.map((draft) => draft.save())));
  };
  assert.deepEqual([await all(), asked], [["committed", "committed", "committed", "committed"], 1]);
  fresh = 2;
  assert.deepEqual([await all(), asked], [["committed", "committed", "committed", "committed"], 2]);
});

test("an export is brought in at another till, once, and neither till saves it twice", async (t) => {
  for (const first of ["here", "there"]) {
    const { server, till } = await shop(t);
    server.put("A", cart());
    const draft = await till.open("A");
    draft.increment("lines[r1].qty", "2");
    const created = await till.create({ ...cart(), customer: "Somchai" });
    server.before = down;
    await Promise.all([draft.save(), created.save()]);
    const text = await till.outbox.export();
    assert.equal(await till.outbox.export(), text);
    assert.equal(JSON.parse(text).drafts.length, 2);
    server.before = () => undefined;
    if (first === "here") assert.deepEqual(kinds(await till.outbox.flush()), ["committed", "committed"]);
    const { till: other } = await shop(t, { server, user: "ben" });
    assert.equal(await other.outbox.import(text), 2);
    await until(async () => (await other.outbox.list()).length === 0);
    assert.equal(await other.outbox.import(text), 0);
    assert.deepEqual(kinds(await till.outbox.flush()), first === "here" ? [] : ["committed", "committed"]);
    assert.deepEqual([server.doc("A").lines[0].qty, server.documents.length], [3, 2], `${first} first`);
    assert.deepEqual([draft.status, created.status], ["clean", "clean"]);
  }
});

test("what is no export, or no key, is a typed error and changes nothing", async (t) => {
  const { till } = await shop(t);
  const draft = await till.create(cart());
  const text = await till.outbox.export();
  const before = await till.outbox.list();
  for (const [wrong, code] of [
    ["", "not-an-export"], ["{}", "not-an-export"], ["[", "not-an-export"], [text.slice(0, -2), "not-an-export"], [undefined, "invalid-argument"], [5, "invalid-argument"],
    [text.replace("\"v\":1", "\"v\":7"), "export-format"], [text.replace("\"state\"", "\"sent\""), "export-broken"],
    [text.replace("\"base\":{", "\"base\":[],\"old\":{"), "not-a-document"],
  ]) {
    await assert.rejects(till.outbox.import(wrong), { name: "RestampError", code }, String(wrong));
  }
  for (const method of ["retry", "park"]) {
    await assert.rejects(till.outbox[method]("nobody"), { name: "RestampError", code: "not-found" });
    await assert.rejects(till.outbox[method](5), { name: "RestampError", code: "invalid-argument" });
  }
  await assert.rejects(till.createFromLeftover({ key: draft.key }), { name: "RestampError", code: "no-leftover" });
  await assert.rejects(till.createFromLeftover("A"), { name: "RestampError", code: "invalid-argument" });
  assert.deepEqual(await till.outbox.list(), before);
  await till.close();
  for (const call of [() => till.outbox.flush(), () => till.outbox.retry("A"), () => till.outbox.park("A"), () => till.outbox.export(), () => till.outbox.import(text), () => till.createFromLeftover({ key: "A" })]) {
    await assert.rejects(call(), { name: "RestampError", code: "closed" });
  }
});

test("what an ended document left over becomes a new sale in one call, and one sale however often", async (t) => {
  const { server, till } = await shop(t);
  server.put("A", cart());
  const draft = await till.open("A");
  draft.increment("lines[r1].qty", "2");
  draft.insert("lines", { id: "m1", sku: "CAKE", qty: 1 });
  server.elsewhere("A", (doc) => { doc.state = "paid"; });
  const outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.state, outcome.leftover.length], ["terminal", "submitted", 2]);
  assert.deepEqual((await till.outbox.list()).map(({ key, status, reason }) => [key, status, reason]), [["A", "closed", "submitted"]]);
  const [sale, again] = await Promise.all([till.createFromLeftover(outcome), till.createFromLeftover(outcome)]);
  assert.equal(again.key, sale.key);
  assert.deepEqual(sale.doc, { customer: "Walk-in", lines: [{ id: "r1", sku: "TEA", qty: 2 }, { id: "m1", sku: "CAKE", qty: 1 }] });
  assert.deepEqual([(await till.outbox.list()).length, sale.status, server.documents.length], [1, "dirty", 1]);
  const token = sale.key;
  assert.equal((await sale.save()).kind, "committed");
  assert.equal(server.saves.at(-1).token, token, "made before the first try");
  assert.equal((await till.createFromLeftover(outcome)).key, sale.key);
  assert.deepEqual([server.documents.length, (await draft.save()).kind], [2, "terminal"]);
});

test("a signal that lives long keeps no listener of a save that is over", async (t) => {
  const { server, till } = await shop(t);
  server.put("A", cart());
  const draft = await till.open("A");
  const { signal } = new AbortController();
  let listeners = 0;
  for (const [method, step] of [["addEventListener", 1], ["removeEventListener", -1]]) {
    const own = signal[method].bind(signal);
    signal[method] = (...args) => { listeners += step; own(...args); };
  }
  for (const name of ["Somchai", "Anna", "Ben"]) {
    draft.set("customer", name);
    const saving = draft.save({ signal });
    assert.equal(listeners, 1);
    assert.equal((await saving).kind, "committed");
    assert.equal(listeners, 0);
  }
});

test("a closed till listens to the network no more", async (t) => {
  const listeners = new Set();
  const heard = { addEventListener: (type, listener) => listeners.add(listener), removeEventListener: (type, listener) => listeners.delete(listener) };
  Object.assign(globalThis, heard);
  t.after(() => Object.keys(heard).forEach((name) => delete globalThis[name]));
  const { server, till } = await shop(t);
  assert.equal(listeners.size, 2, "that the network is back, and that the page goes");
  const draft = await till.create(cart());
  server.before = down;
  await draft.save();
  server.before = () => undefined;
  listeners.forEach((online) => online());
  await until(() => draft.status === "clean");
  await till.close();
  assert.equal(listeners.size, 0);
});

/* ---------------------------------------------------------------- with the reference backend */

const reference = await startBackend();
const frappe = () => restamp.frappe({ url: reference.url, doctype: "Sales Invoice", token: "till-1:secret", timeout: 2_000 });
const invoice = () => ({ customer: "Walk-in", items: [{ item_code: "TEA", qty: 1, posa_row_id: "r1" }] });
const counts = ({ items }) => items.map(({ item_code, qty }) => [item_code, qty]);

for (const fault of ["lost-request", "lost-answer", "503=0", "504-applied", "garbage"]) {
  test(`${fault}: the breaker opens, what was exported meanwhile is stored once by two tills`, async (t) => {
    await reference.reset();
    const more = { profile: restamp.profiles.salesInvoice, host: {} };
    const { till } = await shop(t, { backend: frappe(), ...more });
    const states = heard(till, "log");
    const drafts = await Promise.all(Array.from({ length: 8 }, () => till.create(invoice())));
    await reference.fail(fault, "", 0);
    const outcomes = await Promise.all(drafts.map((draft) => draft.save()));
    assert.deepEqual([...new Set(kinds(outcomes))], ["queued"]);
    await until(() => states.some(({ event, state }) => event === "breaker" && state === "open"));
    const text = await till.outbox.export();
    const { till: other } = await shop(t, { backend: frappe(), ...more, till: "T2", user: "ben" });
    assert.equal(await other.outbox.import(text), 8);
    await reference.heal();
    await Promise.all([till.outbox.flush(), other.outbox.flush()]);
    for (const one of [till, other]) {
      await until(async () => {
        await one.outbox.flush();
        return (await one.outbox.list()).length === 0;
      });
    }
    const stored = await reference.invoices();
    assert.equal(stored.length, 8);
    for (const doc of stored) assert.deepEqual(counts(doc), [["TEA", 1]]);
    assert.deepEqual([...new Set(drafts.map(({ status }) => status))], ["clean"]);
  });
}

test("with Frappe: an invoice that was deleted while it was open becomes a new one", async (t) => {
  await reference.reset();
  const { till } = await shop(t, { backend: frappe(), profile: restamp.profiles.salesInvoice });
  const { name } = await reference.insert(invoice());
  const draft = await till.open(name);
  draft.increment("items[r1].qty", "2");
  await fetch(`${reference.url}/api/resource/Sales%20Invoice/${name}`, { method: "DELETE", headers: { authorization: "token till-2:secret" } });
  const outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.state], ["terminal", "deleted"]);
  const sale = await till.createFromLeftover(outcome);
  await reference.fail("lost-answer", "POST /api/resource");
  assert.equal((await sale.save()).kind, "committed");
  const stored = await reference.invoices();
  assert.deepEqual(stored.map(counts), [[["TEA", 3]]]);
});
