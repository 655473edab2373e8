// Word of others' changes: a draft shows them before anybody asks.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { MemoryServer, shopProfile } from "./memory-server.mjs";
import { packed, startBackend } from "./reference.mjs";

const { openTill, profiles, rest } = await packed();
const server = await startBackend();
const backend = (more = {}) => rest({ url: server.url, path: "/rest/orders", offers: "all", ...more });
async function open(t, name, more = {}) {
  const till = await openTill({ backend: backend(), profile: profiles.plain, till: name, user: name, store: "memory", ...more });
  t.after(() => till.close());
  return till;
}
const shows = (draft, seen) => new Promise((resolve) => {
  const look = () => seen(draft.doc) && resolve();
  draft.subscribe(look);
  look();
});
/** What is asked of the collection from now on, the feed aside. */
function counted() {
  const asked = [];
  const fetched = async (url, init = {}) => {
    asked.push(`${init.method ?? "GET"} ${new URL(url).pathname}`);
    return fetch(url, init);
  };
  return [asked, fetched];
}

test("a clean draft shows the other till's save without asking, and one with edits saves at the first try", async (t) => {
  await server.reset();
  const { id } = await server.post({ note: "", qty: "1" }, "orders");
  const [one, two] = [await open(t, "T1"), await open(t, "T2")];
  const [clean, busy] = [await one.open(id), await two.open(id)];
  clean.set("note", "first");
  const told = shows(busy, (doc) => doc.note === "first");
  await clean.save();
  await told;
  busy.set("qty", "2");
  const back = shows(clean, (doc) => doc.qty === "2");
  const outcome = await busy.save();
  assert.deepEqual([outcome.kind, outcome.attempts], ["committed", 1]);
  await back;
  assert.equal(clean.status, "clean");
});

/** Resolves when the feed of a till is open: a change of another document came by it. */
async function listens(till) {
  const { id, version } = await server.post({ note: "" }, "orders");
  const probe = await till.open(id);
  const seen = shows(probe, (doc) => doc.note === "heard");
  await fetch(`${server.url}/rest/orders/${id}?stamp=version`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ note: "heard", version }) });
  await seen;
}

for (const pushDocuments of [undefined, false]) {
  test(`what is pushed is not loaded (pushDocuments: ${pushDocuments})`, async (t) => {
    await server.reset();
    const { id } = await server.post({ note: "", qty: "1" }, "orders");
    const [asked, fetched] = counted();
    const [one, two] = [await open(t, "T1", { backend: backend({ fetch: fetched, pushDocuments }) }), await open(t, "T2", { changes: false })];
    await listens(one);
    const [mine, theirs] = [await one.open(id), await two.open(id)];
    mine.set("qty", "7");
    const before = asked.length;
    theirs.set("note", "pushed");
    const told = shows(mine, (doc) => doc.note === "pushed");
    await theirs.save();
    await told;
    assert.deepEqual([mine.doc.qty, mine.status], ["7", "dirty"]);
    assert.deepEqual(asked.slice(before), pushDocuments === false ? [`GET /rest/orders/${id}`] : []);
  });
}

test("a save of one's own is committed by word of it, before its answer is here", async (t) => {
  await server.reset();
  const { id } = await server.post({ note: "" }, "orders");
  let go;
  const held = new Promise((resolve) => { go = resolve; });
  const slow = async (url, init) => {
    const answer = await fetch(url, init);
    if (init.method === "PUT") await held;
    return answer;
  };
  const one = await open(t, "T1", { backend: backend({ fetch: slow, offers: ["changes", "tokens"] }) });
  await listens(one);
  const draft = await one.open(id);
  draft.set("note", "mine");
  const outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.attempts, outcome.doc.note, draft.status], ["committed", 1, "mine", "clean"]);
  go();
});

test("a feed that breaks off is opened again and goes on where it was", async (t) => {
  await server.reset();
  const { id } = await server.post({ note: "" }, "orders");
  const streams = [];
  const breaking = async (url, init) => {
    if (!String(url).includes("/_changes")) return fetch(url, init);
    const cut = new AbortController();
    init.signal.addEventListener("abort", () => cut.abort());
    streams.push({ cut, from: init.headers["Last-Event-ID"] });
    return fetch(url, { ...init, signal: cut.signal });
  };
  const host = { sleep: (ms, signal) => new Promise((go) => { const timer = setTimeout(go, Math.min(ms, 20)); signal.addEventListener("abort", () => clearTimeout(timer)); }) };
  const one = await open(t, "T1", { backend: backend({ fetch: breaking }), host });
  const two = await open(t, "T2", { changes: false });
  const [mine, theirs] = [await one.open(id), await two.open(id)];
  for (const note of ["a", "b", "c"]) {
    const told = shows(mine, (doc) => doc.note === note);
    theirs.set("note", note);
    await theirs.save();
    await told;
    streams.at(-1).cut.abort();
  }
  assert.ok(streams.length >= 3, String(streams.length));
  assert.ok(streams.slice(1).some(({ from }) => from !== undefined), "it goes on from the last event");
});

test("a server that has forgotten says reset: all that is open is looked at again", async (t) => {
  const told = [];
  let feed;
  const stream = createServer((request, response) => {
    told.push([request.headers["last-event-id"], request.headers["x-shop"]]);
    response.writeHead(200, { "content-type": "text/event-stream" }).write(": hello\n\n");
    feed = response;
  });
  await new Promise((ready) => stream.listen(0, "127.0.0.1", ready));
  t.after(() => { stream.close(); stream.closeAllConnections(); });
  const address = `http://127.0.0.1:${stream.address().port}`;
  await server.reset();
  const { id } = await server.post({ note: "" }, "orders");
  const divided = (url, init) => fetch(String(url).includes("/_changes") ? `${address}/feed` : url, init);
  const one = await open(t, "T1", { backend: backend({ fetch: divided, headers: { "X-Shop": "7" } }) });
  const two = await open(t, "T2", { changes: false });
  const [mine, theirs] = [await one.open(id), await two.open(id)];
  theirs.set("note", "missed");
  await theirs.save();
  while (!feed) await new Promise((later) => setTimeout(later, 5));
  const seen = shows(mine, (doc) => doc.note === "missed");
  feed.write("id: 4\r\nevent: re");
  feed.write("set\r\ndata:\r\n\r\n");
  await seen;
  assert.deepEqual(told[0], [undefined, "7"]);
});

test("a closed till listens no more; one that does not want to never does", async (t) => {
  await server.reset();
  const [asked, fetched] = counted();
  const signals = [];
  const one = await open(t, "T1", { backend: backend({ fetch: (url, init) => { signals.push(init.signal); return fetched(url, init); } }) });
  while (!asked.length) await new Promise((later) => setTimeout(later, 5));
  await one.close();
  assert.deepEqual([asked, signals[0].aborted], [["GET /rest/orders/_changes"], true]);
  const [quiet, silent] = counted();
  await open(t, "T2", { backend: backend({ fetch: silent }), changes: false });
  await open(t, "T3", { backend: rest({ url: server.url, path: "/rest/orders", fetch: silent }) });
  await assert.rejects(open(t, "T4", { changes: "yes" }), { code: "invalid-argument" });
  assert.deepEqual(quiet, []);
});

test("backend.changes() tells what changed, who did it and what it is now, until it is ended", async () => {
  await server.reset();
  const heard = [];
  let tell;
  const next = () => new Promise((resolve) => { tell = resolve; });
  const listening = next();
  const stop = backend().changes((...word) => { heard.push(word); tell(); });
  await listening;
  const changed = next();
  const headers = { "content-type": "application/json", "idempotency-key": "t1" };
  const made = await fetch(`${server.url}/rest/orders`, { method: "POST", headers, body: `{"total": 12345678901234567.89}` });
  const { id } = await made.json();
  await changed;
  assert.deepEqual(heard, [[], [id, made.headers.get("etag"), { token: "t1", doc: { total: "12345678901234567.89", id, version: 1 } }]]);
  const [again, stamp] = [next(), made.headers.get("etag")];
  await fetch(`${server.url}/rest/orders/${id}`, { method: "DELETE" });
  await again;
  assert.deepEqual(heard[2], [id, undefined, { from: stamp }]);
  stop();
  assert.throws(() => rest({ url: server.url, path: "/rest/orders" }).changes(() => {}), { code: "not-supported" });
  assert.throws(() => backend().changes(5), { code: "invalid-argument" });
});

test("a backend of the page's own tells by itself", async (t) => {
  const memory = new MemoryServer();
  memory.put("A", { customer: "Walk-in", lines: [] });
  let tell;
  let ended = 0;
  const own = { ...memory.backend, guarantees: { ...memory.backend.guarantees, changes: true }, changes: (onChange) => { tell = onChange; return () => { ended += 1; }; } };
  const till = await openTill({ backend: own, profile: shopProfile, till: "T1", user: "own", store: "memory" });
  t.after(() => till.close());
  const draft = await till.open("A");
  memory.elsewhere("A", (doc) => { doc.customer = "Somchai"; });
  const told = shows(draft, (doc) => doc.customer === "Somchai");
  tell("A", "s2");
  await told;
  memory.elsewhere("A", (doc) => { doc.customer = "Anan"; });
  const again = shows(draft, (doc) => doc.customer === "Anan");
  tell();
  await again;
  tell("A", "s4", { from: "s3", doc: { customer: "Noura", lines: [] }, token: 5 });
  assert.deepEqual([draft.doc.customer, draft.stamp], ["Noura", "s4"]);
  await till.close();
  assert.equal(ended, 1);
});
