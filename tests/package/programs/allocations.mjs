// Runs of five tills that take 100 each of 300 in layers, many at once. Ends with 1 if one of them is not as it must be.
//
//   node allocations.mjs URL SEED COUNT
import assert from "node:assert/strict";
import { init, openTill, profiles, rest } from "restamp";
import { chance, unlucky } from "./chance.mjs";

const [url, seed, count] = process.argv.slice(2);
const random = chance(Number(seed));
const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
const cents = (text) => Math.round(Number(text) * 100);

/** Two to four layers of 300 in all, of random quantities and values. */
function layers() {
  const cuts = Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(29_999)).sort((a, b) => a - b);
  return [...new Set(cuts), 30_000].map((cut, n, all) => {
    const quantity = cut - (all[n - 1] ?? 0);
    const value = quantity * (1 + random.below(9));
    return { created: `2026-01-${10 + n}`, quantity: (quantity / 100).toFixed(2), value: (value / 100).toFixed(2) };
  });
}

/** Makes these documents in one request; their keys. */
async function put(docs) {
  const body = JSON.stringify({ writes: docs.map((doc) => ({ id: null, doc })) });
  const made = await fetch(`${url}/rest/layers/_commit`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return (await made.json()).documents.map(({ id }) => id);
}

async function run(tills) {
  const docs = layers();
  const keys = await put(docs);
  const strategy = random.one(["optimistic", "optimistic", "optimistic", "optimistic", "optimistic", "optimistic", "optimistic", "adaptive", "adaptive", "pessimistic"]);
  const outcomes = await Promise.all(tills.map((till) => till.allocate(keys, "100", { strategy })));
  const told = JSON.stringify({ docs, outcomes });
  const taken = outcomes.filter(({ kind }) => kind === "committed").map(({ result }) => result);
  const refused = outcomes.filter(({ kind }) => kind === "refused");
  assert.deepEqual(taken.map(({ quantity, shortage }) => [Number(quantity), Number(shortage)]), [[100, 0], [100, 0], [100, 0]], told);
  assert.deepEqual(refused.map(({ reason, short }) => [reason, Number(short)]), [["shortage", 100], ["shortage", 100]], told);
  assert.equal(sum(taken.map(({ value }) => cents(value))), sum(docs.map(({ value }) => cents(value))), told);
  // Of every layer as much was taken as it had.
  for (const [n, key] of keys.entries()) {
    const parts = taken.flatMap((one) => one.layers.filter((part) => part.key === key));
    assert.equal(sum(parts.map(({ quantity }) => cents(quantity))), cents(docs[n].quantity), told);
  }
}

await init();
const five = await Promise.all(Array.from({ length: 5 }, (_, n) => openTill({
  backend: rest({ url, path: "/rest/layers", offers: "all", timeout: 3_000, fetch: unlucky(random, 0.005) }),
  profile: profiles.plain, till: `T${n}`, user: `T${n}`, store: "memory", changes: false,
  schedule: { kind: "full-jitter", base: 5, cap: 50, attempts: 100 },
})));
let left = Number(count);
await Promise.all(Array.from({ length: 12 }, async () => { while (left-- > 0) await run(five); }));
await Promise.all(five.map((till) => till.close()));
