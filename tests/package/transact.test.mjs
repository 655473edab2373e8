// Several documents at once, numbers, and find-or-create, against the reference server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryServer } from "./memory-server.mjs";
import { packed, startBackend } from "./reference.mjs";

const { openTill, profiles, rest } = await packed();
const server = await startBackend("--unique", "customers.phone");

/** A till of this name; `offers` of its backend may be fewer than all. */
async function open(t, name, { collection = "wallets", offers = "all", ...options } = {}) {
  const till = await openTill({ backend: rest({ url: server.url, path: `/rest/${collection}`, offers, timeout: 5000 }), profile: profiles.plain, till: name, user: name, store: "memory", changes: false, ...options });
  t.after(() => till.close());
  return till;
}
const fresh = async (t) => { await server.heal(); await server.reset(); t.after(() => server.heal()); };
const tills = (t, count, options) => Promise.all(Array.from({ length: count }, (_, n) => open(t, `T${n}`, options)));
const put = async (docs, collection = "wallets") => {
  const keys = [];
  for (const doc of docs) keys.push((await server.post(doc, collection)).id);
  return keys;
};
const read = async (key, collection = "wallets") => (await fetch(`${server.url}/rest/${collection}/${key}`)).json();
const total = async (keys, field = "balance", collection = "wallets") => {
  const docs = await Promise.all(keys.map((key) => read(key, collection)));
  assert.ok(docs.every((doc) => Number(doc[field]) >= 0), "none below zero");
  return docs.reduce((sum, doc) => sum + Math.round(Number(doc[field]) * 100), 0);
};

for (const strategy of ["optimistic", "pessimistic", "adaptive"]) {
  test(`five tills take 100 each of 300, ${strategy}: three get it, two are told the shortage`, async (t) => {
    await fresh(t);
    const layers = await put([["2026-01-01", "120", "240.00"], ["2026-01-02", "80", "200.00"], ["2026-01-03", "100", "300.00"]]
      .map(([created, quantity, value]) => ({ created, quantity, value })), "layers");
    const outcomes = await Promise.all((await tills(t, 5, { collection: "layers", strategy })).map((till) => till.allocate(layers, "100")));
    const taken = outcomes.filter(({ kind }) => kind === "committed").map(({ result }) => result);
    const refused = outcomes.filter(({ kind }) => kind === "refused");
    assert.deepEqual(refused.map(({ reason, short }) => [reason, short]), [["shortage", "100"], ["shortage", "100"]], JSON.stringify(outcomes));
    assert.equal(taken.length, 3);
    assert.deepEqual(taken.map(({ value }) => Number(value)).sort((a, b) => a - b), [200, 240, 300]);
    assert.equal(await total(layers, "quantity", "layers"), 0);
    assert.equal(await total(layers, "value", "layers"), 0);
  });
}

for (const strategy of ["optimistic", "pessimistic"]) {
  test(`transfers at once with lost answers, ${strategy}: the sum stays, each happened once`, async (t) => {
    await fresh(t);
    const wallets = await put(Array.from({ length: 6 }, () => ({ balance: "100.00" })));
    await server.fail("lost-answer", "POST /rest/wallets/_commit", 4);
    await server.fail("503=0", "POST /rest/wallets/_commit", 4);
    // A lease that is held while its commit is sent again keeps the others waiting for seconds.
    const rounds = strategy === "pessimistic" ? [0] : [0, 1, 2];
    const sent = await Promise.all((await tills(t, 5, { strategy })).flatMap((till, n) => rounds.map(async (round) => {
      const [from, to] = [wallets[(n + round) % 6], wallets[(n + 3 * round + 1) % 6]];
      const { kind, inDoubt } = from === to ? { kind: "none" } : await till.transfer(from, to, "7.25");
      assert.equal(inDoubt, undefined);
      return kind === "committed" ? [from, to] : undefined;
    })));
    assert.equal(await total(wallets), 60_000);
    assert.ok(sent.some(Boolean));
    for (const key of wallets) {
      const moved = sent.filter(Boolean).reduce((sum, [from, to]) => sum + (to === key) - (from === key), 0);
      assert.equal((await read(key)).balance, (100 + 7.25 * moved).toFixed(2), key);
    }
  });
}

test("a transfer of more than there is is refused, and says what is short", async (t) => {
  await fresh(t);
  const [from, to] = await put([{ left: "5.00" }, { left: "0" }]);
  const till = await open(t, "T1");
  const outcome = await till.transfer(from, to, "7.50", { field: "left" });
  assert.deepEqual([outcome.kind, outcome.reason, outcome.short], ["refused", "insufficient", "2.5"]);
  assert.equal((await till.transfer(from, "nothing", "1", { field: "left" })).reason, "not-found");
  assert.equal((await read(from)).left, "5.00");
});

test("a plan gets frozen copies, runs again after a conflict, and what it leaves alone goes back digit by digit", async (t) => {
  await fresh(t);
  const raw = `{"n": 12345678901234567890.10, "list": [1.50], "seen": 0, "old": 1}`;
  const made = await fetch(`${server.url}/rest/wallets`, { method: "POST", headers: { "content-type": "application/json" }, body: raw });
  const { id } = await made.json();
  const other = await open(t, "T2");
  const disturb = () => other.transact([id], (docs) => ({ docs: new Map([[id, { ...docs.get(id), seen: 5 }]]), result: null }));
  let disturbed;
  const backend = rest({
    url: server.url, path: "/rest/wallets", offers: "all",
    fetch: async (url, init) => {
      if (String(url).endsWith("_commit")) await (disturbed ??= disturb());
      return fetch(url, init);
    },
  });
  const till = await open(t, "T1", { backend });
  const runs = [];
  const outcome = await till.transact([id, "gone"], (docs) => {
    const doc = docs.get(id);
    assert.throws(() => { doc.seen = 9; }, TypeError);
    runs.push([docs.size, Object.isFrozen(doc.list), doc.seen]);
    const { old, ...rest } = doc;
    return { docs: new Map([[id, { ...rest, seen: doc.seen + 1 }]]), result: runs.length };
  });
  assert.deepEqual(outcome, { kind: "committed", result: 2, attempts: 2 });
  assert.deepEqual(runs, [[1, true, 0], [1, true, 5]]);
  const text = await (await fetch(`${server.url}/rest/wallets/${id}`)).text();
  assert.match(text, /12345678901234567890\.10?\b/);
  assert.doesNotMatch(text, /"12345678901234567890/, "a number stays a number");
  assert.match(text, /"seen":6,"old":null/, "what the plan leaves out is empty");
});

test("a plan that throws, or answers no documents, rejects, and nothing is sent", async (t) => {
  await fresh(t);
  const [key] = await put([{ balance: "1" }]);
  const till = await open(t, "T1");
  const cause = new TypeError("oops");
  await assert.rejects(till.transact([key], () => { throw cause; }), (error) => error.code === "plan-failed" && error.cause === cause && /oops/.test(error.message));
  for (const answer of [undefined, null, {}, { docs: {} }, { docs: [] }, Promise.resolve({}), { docs: new Map([[1, {}]]) }, { docs: new Map([[key, 5]]) }, { docs: new Map([["other", {}]]) }]) {
    await assert.rejects(till.transact([key], () => answer), { code: "invalid-argument" }, JSON.stringify(answer));
  }
  assert.deepEqual(await till.transact([key], () => ({ refuse: "not today" })), { kind: "refused", reason: "not today" });
  assert.equal((await server.log()).filter(({ method }) => method !== "GET").length, 1, "only the test's own");
});

test("misuse is told before anything is sent", async (t) => {
  await fresh(t);
  const till = await open(t, "T1");
  const plan = () => ({ docs: new Map(), result: null });
  const wrong = [
    ["invalid-argument", () => till.transact("a", plan)], ["invalid-argument", () => till.transact([], plan)], ["invalid-argument", () => till.transact([1], plan)],
    ["invalid-argument", () => till.transact(["a"])], ["invalid-argument", () => till.transact(["a"], plan, { strategy: "hopeful" })],
    ["invalid-argument", () => till.transact(["a"], plan, { signal: {} })], ["invalid-argument", () => till.transfer("a", "a", "1")],
    ["not-a-decimal", () => till.transfer("a", "b", "x")], ["invalid-argument", () => till.transfer("a", "b", "-1")], ["invalid-argument", () => till.transfer("a", "b", "1", { field: 7 })],
    ["invalid-argument", () => till.allocate(["a"], "0")], ["not-a-decimal", () => till.allocate(["a"], {})],
    ["invalid-argument", () => till.sequence("")], ["invalid-argument", () => till.sequence("c", { format: "#-#" })], ["invalid-argument", () => till.sequence("c", { reserve: 100_001 })],
    ["invalid-argument", () => till.sequence("c", { reserve: 1.5 })], ["invalid-argument", () => till.findOrCreate("", "x", () => ({}))], ["invalid-argument", () => till.findOrCreate("f", "x")],
  ];
  for (const [code, call] of wrong) await assert.rejects(call(), { name: "RestampError", code }, String(call));
  await assert.rejects(open(t, "T2", { strategy: "hopeful" }), { code: "invalid-argument" });
  const bare = await open(t, "T3", { offers: [] });
  await assert.rejects(bare.transfer("a", "b", "1"), { code: "not-supported" });
  await assert.rejects(bare.transact(["a"], plan, { strategy: "pessimistic" }), { code: "not-supported" });
  await assert.rejects(bare.sequence("c"), { code: "not-supported" });
  assert.equal((await server.log()).length, 0);
  await till.close();
  await assert.rejects(till.transfer("a", "b", "1"), { code: "closed" });
  await assert.rejects(till.sequence("c"), { code: "closed" });
});

test("an open draft of a document learns of the transfer", async (t) => {
  await fresh(t);
  const [from, to] = await put([{ balance: "10.00", note: "" }, { balance: "0.00", note: "" }]);
  const till = await open(t, "T1");
  const draft = await till.open(from);
  draft.set("note", "mine");
  const learned = new Promise((resolve) => draft.subscribe(() => draft.doc.balance === "6.00" && resolve()));
  await till.transfer(from, to, "4.00");
  await learned;
  const outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.attempts, outcome.doc.balance, outcome.doc.note], ["committed", 1, "6.00", "mine"]);
});

test("aborted or closed, leases go back at once; nothing was stored", async (t) => {
  await fresh(t);
  const [key] = await put([{ balance: "1" }]);
  const till = await open(t, "T1", { strategy: "pessimistic" });
  const other = await open(t, "T2", { strategy: "pessimistic" });
  const signal = new AbortController();
  const plan = (deed) => (docs) => { deed(); return { docs: new Map([[key, { ...docs.get(key), balance: "2" }]]), result: null }; };
  const aborted = till.transact([key], plan(() => signal.abort()), { signal: signal.signal });
  await assert.rejects(aborted, (error) => error.code === "aborted" && /nothing was stored/.test(error.message));
  assert.equal((await read(key)).balance, "1");
  await assert.rejects(till.transact([key], plan(() => {}), { signal: AbortSignal.abort() }), { code: "aborted" });
  let closing;
  const closed = await till.transact([key], plan(() => { closing = till.close(); }));
  await closing;
  assert.deepEqual([closed.kind, closed.reason], ["gave-up", "closed"]);
  assert.equal((await other.transact([key], plan(() => {}))).attempts, 1);
  const log = await server.log();
  const count = (method) => log.filter((line) => line.method === method && line.path.endsWith("_lease")).length;
  assert.ok(count("DELETE") >= 3, JSON.stringify(log));
});

test("100 numbers at once from five tills are CUST0001 to CUST0100, with lost answers", async (t) => {
  await fresh(t);
  await server.fail("lost-answer", "POST /rest/customers/_sequences", 3);
  const all = await tills(t, 5, { collection: "customers" });
  const numbers = await Promise.all(Array.from({ length: 100 }, (_, n) => all[n % 5].sequence("customer", { format: "CUST####" })));
  assert.deepEqual(numbers.sort(), Array.from({ length: 100 }, (_, n) => `CUST${String(n + 1).padStart(4, "0")}`));
});

test("reserved numbers serve without a server, survive a restart, and none is given out twice", async (t) => {
  await fresh(t);
  const entries = [];
  const store = {
    append: async (_, more) => void entries.push(...more),
    load: async () => [...entries],
    compact: async (_, snapshot) => void entries.splice(0, entries.length, ...snapshot),
  };
  const options = { collection: "customers", store, schedule: { kind: "fixed", base: 5, attempts: 2 } };
  const first = await open(t, "T1", options);
  const numbers = [await first.sequence("c", { reserve: 10 }), await first.sequence("c", { reserve: 10 })];
  await server.fail("503=0", "POST /rest/customers/_sequences", 0);
  numbers.push(await first.sequence("c", { reserve: 10 }));
  await first.close();
  const second = await open(t, "T1", options);
  for (let n = 0; n < 4; n++) numbers.push(await second.sequence("c"));
  assert.deepEqual(numbers.map(Number), [1, 2, 3, 4, 5, 6, 7]);
  for (let n = 0; n < 3; n++) numbers.push(await second.sequence("c"));
  await assert.rejects(second.sequence("c"), { code: "unavailable" });
  await server.heal();
  numbers.push(await second.sequence("c"));
  assert.equal(new Set(numbers).size, numbers.length);
});

test("a number is not shown before what is left is on disk; a disk that takes nothing gives none", async (t) => {
  await fresh(t);
  let broken = false;
  const store = { append: async () => { if (broken) throw new Error("full"); }, load: async () => [], compact: async () => { if (broken) throw new Error("full"); } };
  const till = await open(t, "T1", { collection: "customers", store });
  assert.equal(await till.sequence("c", { reserve: 5 }), "1");
  broken = true;
  await assert.rejects(till.sequence("c", { reserve: 5 }), { code: "storage" });
  broken = false;
  assert.equal(await till.sequence("c", { reserve: 5 }), "3");
});

test("100 findOrCreate over 20 phone numbers are 20 customers, each created once", async (t) => {
  await fresh(t);
  await server.fail("lost-answer", "POST /rest/customers", 2);
  const all = await tills(t, 5, { collection: "customers" });
  const found = await Promise.all(Array.from({ length: 100 }, (_, n) =>
    all[n % 5].findOrCreate("phone", `08${n % 20}`, async () => ({ name: `customer ${n}` }))));
  assert.equal(new Set(found.map(({ key }) => key)).size, 20);
  assert.equal(found.filter(({ created }) => created).length, 20);
  assert.ok(found.every(({ doc }, n) => doc.phone === `08${n % 20}` && Object.isFrozen(doc)));
  const cause = new Error("no name");
  await assert.rejects(all[0].findOrCreate("phone", "new", () => { throw cause; }), (error) => error.code === "make-failed" && error.cause === cause);
  await assert.rejects(all[0].findOrCreate("phone", "new", () => ({ phone: "other" })), { code: "invalid-argument" });
});

test("a backend of the page's own does it too, where it has the methods and says so", async (t) => {
  const memory = new MemoryServer();
  memory.put("A", { balance: "5" });
  memory.put("B", { balance: "0" });
  const told = [];
  const backend = {
    ...memory.backend, load: (...args) => memory.backend.load(...args), save: (...args) => memory.backend.save(...args),
    guarantees: { ...memory.backend.guarantees, transactions: true, leases: true, sequences: true },
    commit: async (requests, token) => { told.push(["commit", requests.map(({ key, doc, fence }) => [key, doc.balance, fence]), typeof token]); return { kind: "saved" }; },
    lease: async (key, holder, ttl) => { told.push(["lease", key, typeof holder, ttl]); return { granted: true, fence: `f${key}`, until: Date.now() + ttl }; },
    release: async (key, fence) => void told.push(["release", key, fence]),
    next: async (counter, count, token) => { told.push(["next", counter, count, typeof token]); return { first: "41" }; },
  };
  const till = await openTill({ backend, till: "T1", user: "own", store: "memory" });
  t.after(() => till.close());
  assert.equal((await till.transfer("A", "B", "2", { strategy: "pessimistic" })).kind, "committed");
  assert.equal(await till.sequence("bill", { format: "B-##" }), "B-41");
  assert.deepEqual(told.filter(([what]) => what !== "release"), [
    ["lease", "A", "string", 5000], ["lease", "B", "string", 5000], ["commit", [["A", "3", "fA"], ["B", "2", "fB"]], "string"], ["next", "bill", 1, "string"],
  ]);
  assert.deepEqual(told.filter(([what]) => what === "release").sort(), [["release", "A", "fA"], ["release", "B", "fB"]]);
  const brief = await openTill({ backend, till: "T1", user: "brief", store: "memory", lease: { ttl: 700 } });
  t.after(() => brief.close());
  await brief.transfer("A", "B", "2", { strategy: "pessimistic" });
  assert.deepEqual(told.filter(([what]) => what === "lease").map(([, , , ttl]) => ttl), [5000, 5000, 700, 700]);
  const silent = await openTill({ backend: { ...backend, guarantees: memory.backend.guarantees }, till: "T1", user: "silent", store: "memory" });
  t.after(() => silent.close());
  await assert.rejects(silent.transfer("A", "B", "2"), { code: "not-supported" });
});
