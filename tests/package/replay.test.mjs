// A save whose answer was lost, where the server keeps the tokens of saves: the same again is the question.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shopProfile } from "./memory-server.mjs";
import { packed, startBackend } from "./reference.mjs";

const { openTill, rest } = await packed();
const server = await startBackend();
const { tokenField, ...profile } = shopProfile; // only the server knows the token

async function open(t, name, before = async () => {}) {
  const sent = [];
  const backend = rest({
    url: server.url, path: "/rest/orders", offers: ["tokens"], timeout: 5_000,
    fetch: async (url, options) => {
      if (options.method === "PUT") {
        await before(sent.length);
        sent.push([new Headers(options.headers).get("idempotency-key"), new TextDecoder().decode(options.body)]);
      }
      return fetch(url, options);
    },
  });
  const till = await openTill({ backend, profile, till: name, user: name, store: "memory", changes: false });
  t.after(() => till.close());
  return [till, sent];
}

for (const [fault, requests] of [["lost-answer", 2], ["lost-request", 3]]) {
  test(`${fault}: a counter that others moved meanwhile is not asked about`, async (t) => {
    await server.reset();
    const { id } = await server.post({ lines: [{ id: "r1", sku: "TEA", qty: 1 }] }, "orders");
    const [two] = await open(t, "T2");
    const theirs = await two.open(id);
    const [one, sent] = await open(t, "T1", async (earlier) => {
      if (earlier !== 1) return;
      theirs.increment("lines[r1].qty", "1");
      await theirs.save();
    });
    const mine = await one.open(id);
    mine.increment("lines[r1].qty", "1");
    await server.fail(fault, "PUT /rest/orders");
    const outcome = await mine.save();
    assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
    assert.deepEqual(sent[1], sent[0], "the same token, the same bytes");
    assert.equal(sent.length, requests);
    const { lines } = await (await fetch(`${server.url}/rest/orders/${id}`)).json();
    assert.equal(String(lines[0].qty), "3", "both steps");
  });
}

test("backend.guarantees says that the tokens of saves are kept", () => {
  const says = (offers) => rest({ url: server.url, path: "/rest/orders", offers }).guarantees.replays;
  assert.deepEqual([says(["tokens"]), says("all"), says([])], [true, true, undefined]);
});
