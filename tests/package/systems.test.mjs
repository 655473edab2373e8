// What the five systems promise (ARCHITECTURE.md, *Several documents, leases, numbers*), in numbers, against the reference server:
// systems-postgres.test.mjs runs the same on PostgreSQL and Redis.
//
//   RESTAMP_SEED=… node --test tests/package/systems.test.mjs    the same chances again
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { chance, unlucky } from "./chance.mjs";
import { project } from "./project.mjs";
import { packed, startQuickBackend } from "./reference.mjs";

const { openTill, profiles, rest } = await packed();
const folder = project({
  "allocations.mjs": { from: "programs/allocations.mjs" }, "chance.mjs": { from: "chance.mjs" }, "killed.mjs": { from: "programs/killed.mjs" },
});
const server = await startQuickBackend("--unique", "customers.phone");

async function tills(t, count, collection, { fetch, ...options } = {}) {
  await server.reset();
  return Promise.all(Array.from({ length: count }, async (_, n) => {
    const backend = rest({ url: server.url, path: `/rest/${collection}`, offers: "all", timeout: 3_000, fetch });
    const till = await openTill({ backend, profile: profiles.plain, till: `T${n}`, user: `T${n}`, store: "memory", changes: false, ...options });
    t.after(() => till.close());
    return till;
  }));
}
/** Makes these documents in one request; their keys. */
async function put(collection, docs) {
  const body = JSON.stringify({ writes: docs.map((doc) => ({ id: null, doc })) });
  const made = await fetch(`${server.url}/rest/${collection}/_commit`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return (await made.json()).documents.map(({ id }) => id);
}
/** Who meets a conflict here does not think for long, and a lease whose answer was lost ends soon. */
const hasty = { schedule: { kind: "full-jitter", base: 5, cap: 50, attempts: 100 }, lease: { ttl: 2_000 } };
const cents = (text) => Math.round(Number(text) * 100);
const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

test("1,000 random runs of five tills that take 100 each of 300: three get it, two are told the shortage, all adds up", async (t) => {
  const { seed } = chance();
  t.diagnostic(`RESTAMP_SEED=${seed}`);
  await server.reset();
  // In a process of its own: the test runner looks at every promise, which takes longer than the runs.
  const runs = spawn(process.execPath, ["allocations.mjs", server.url, String(seed), "1000"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  assert.equal(await new Promise((end) => runs.once("exit", end)), 0);
  const stored = await server.entries("layers");
  assert.ok(stored.length >= 2_000, String(stored.length));
  assert.ok(stored.every(({ quantity, value }) => Number(quantity) === 0 && Number(value) === 0), "nothing is left, and nothing is negative");
});

for (const count of [100, 1_000]) {
  test(`${count} numbers at once are ${count} different ones without a gap`, async (t) => {
    const random = chance();
    t.diagnostic(`RESTAMP_SEED=${random.seed}`);
    const all = await tills(t, 50, "customers", { fetch: unlucky(random, 0.05) });
    const numbers = await Promise.all(Array.from({ length: count }, (_, n) => all[n % 50].sequence("customer", { format: "CUST####" })));
    assert.deepEqual(numbers.sort(), Array.from({ length: count }, (_, n) => `CUST${String(n + 1).padStart(4, "0")}`));
  });
}

test("100 findOrCreate over 20 phone numbers by 50 tills, with faults, give 20 customers", async (t) => {
  const random = chance();
  t.diagnostic(`RESTAMP_SEED=${random.seed}`);
  const all = await tills(t, 50, "customers", { fetch: unlucky(random, 0.1) });
  const found = await Promise.all(Array.from({ length: 100 }, (_, n) => all[n % 50].findOrCreate("phone", `08${n % 20}`, () => ({ name: `customer ${n}` }))));
  const stored = await server.entries("customers");
  assert.deepEqual(stored.map(({ phone }) => phone).sort(), Array.from({ length: 20 }, (_, n) => `08${n}`).sort());
  assert.equal(found.filter(({ created }) => created).length, 20);
  for (const [n, { key, doc }] of found.entries()) assert.deepEqual([doc.phone, stored.find(({ id }) => id === key)?.phone], [`08${n % 20}`, `08${n % 20}`]);
});

for (const strategy of ["optimistic", "pessimistic"]) {
  test(`random transfers among 20 wallets by 50 tills, ${strategy}, with faults: the sum stays, none is below zero, each happened once`, async (t) => {
    const random = chance();
    t.diagnostic(`RESTAMP_SEED=${random.seed}`);
    const all = await tills(t, 50, "wallets", { strategy, ...hasty, fetch: unlucky(random, 0.05) });
    const held = Array.from({ length: 20 }, () => random.below(20_000));
    const keys = await put("wallets", held.map((amount) => ({ balance: (amount / 100).toFixed(2) })));
    const outcomes = await Promise.all(all.flatMap((till) => [0, 1].map(async () => {
      const from = random.below(20);
      const to = (from + 1 + random.below(19)) % 20;
      const amount = 1 + random.below(9_000);
      const { kind, reason, inDoubt } = await till.transfer(keys[from], keys[to], (amount / 100).toFixed(2));
      return { kind, reason, inDoubt, from, to, amount };
    })));
    const committed = outcomes.filter(({ kind }) => kind === "committed");
    const others = outcomes.filter(({ kind }) => kind !== "committed");
    for (const { from, to, amount } of committed) {
      held[from] -= amount;
      held[to] += amount;
    }
    const stored = await Promise.all(keys.map((key) => fetch(`${server.url}/rest/wallets/${key}`).then((answer) => answer.json())));
    assert.deepEqual(stored.map(({ balance }) => cents(balance)), held, JSON.stringify(others));
    assert.ok(held.every((amount) => amount >= 0));
    assert.equal(sum(stored.map(({ version }) => version - 1)), 2 * committed.length, "each once");
    assert.deepEqual(others.filter(({ kind, reason }) => !(kind === "refused" && reason === "insufficient") && reason !== "contended" && reason !== "leased"), []);
    assert.ok(committed.length > 50, String(committed.length));
  });
}

for (const what of ["transact", "save"]) {
  test(`a till that is killed while it holds a lease (${what}) blocks the others for its time to live, and its late save is refused`, async (t) => {
    const told = [];
    const [till] = await tills(t, 1, "wallets", {
      strategy: "pessimistic",
      lease: { wait: 0 },
      fetch: async (url, options) => {
        const answer = await fetch(url, options);
        if (answer.status === 423) told.push((await answer.clone().json()).retry_after);
        return answer;
      },
    });
    const [from, to] = await put("wallets", [{ balance: "10" }, { balance: "0" }]);
    const holder = spawn(process.execPath, ["killed.mjs", server.url, from, to, what], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((end) => holder.once("exit", (_, signal) => end(signal)));
    const late = JSON.parse(await new Promise((said) => holder.stdout.once("data", (text) => said(String(text)))));
    holder.kill("SIGKILL");
    assert.equal(await ended, "SIGKILL");
    const began = performance.now();
    const outcome = await till.transfer(from, to, "4");
    const waited = performance.now() - began;
    assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
    assert.ok(told.length > 0 && told.every((wait) => wait <= 2_000), "who asks is told to wait, and no longer than the lease lives");
    // It lives for 2 s; the longest that a server grants is a minute.
    assert.ok(waited < 20_000, `${waited} ms`);
    const answer = await fetch(late.address, { method: late.method, headers: late.headers, body: late.body });
    assert.deepEqual([answer.status, (await answer.json()).code], [409, "fenced"]);
    const stored = await Promise.all([from, to].map((key) => fetch(`${server.url}/rest/wallets/${key}`).then((one) => one.json())));
    assert.deepEqual(stored.map(({ balance }) => balance), ["6", "4"]);
  });
}
