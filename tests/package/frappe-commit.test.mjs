// Several documents at once on Frappe: refused by Frappe alone, all or nothing with the small server method of examples/frappe.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./project.mjs";
import { packed, startBackend } from "./reference.mjs";

const { frappe, openTill, profiles } = await packed();
const server = await startBackend();
const commit = { path: "restamp_commit.commit" };

async function open(t, name, { methods = { commit }, ...options } = {}) {
  const backend = frappe({ url: server.url, doctype: "POS Wallet", token: "till:secret", methods, timeout: 5000 });
  const till = await openTill({ backend, profile: profiles.plain, till: name, user: name, store: "memory", ...options });
  t.after(() => till.close());
  return till;
}
const ask = async (method, path, body) => {
  const headers = { authorization: "token till:secret", accept: "application/json", "content-type": "application/json" };
  return (await fetch(server.url + path, { method, headers, body: body && JSON.stringify(body) })).json();
};
const wallet = async (balance) => (await ask("POST", "/api/resource/POS%20Wallet", { balance })).data.name;
const balance = async (name) => Number((await ask("GET", `/api/resource/POS%20Wallet/${name}`)).data.balance);

test("without the method several documents are refused, with the method's place, and nothing is sent", async (t) => {
  await server.reset();
  const names = [await wallet("10"), await wallet("0")];
  const till = await open(t, "T1", { methods: {} });
  const before = (await server.log()).length;
  await assert.rejects(till.transfer(names[0], names[1], "3"), (error) => error.code === "not-supported" && /transactions.*methods: \{ commit \}/.test(error.message));
  assert.deepEqual((await server.log()).slice(before).filter(({ method }) => method !== "GET"), []);
});

test("transfers by five tills with lost answers and requests: the sum stays, each acknowledged one happened once", async (t) => {
  await server.reset();
  t.after(() => server.heal());
  const names = [];
  for (let n = 0; n < 5; n++) names.push(await wallet("100"));
  const tills = await Promise.all(names.map((_, n) => open(t, `T${n}`)));
  await server.fail("lost-answer", "POST /api/method/restamp_commit.commit", 4);
  await server.fail("lost-request", "POST /api/method/restamp_commit.commit", 3);
  await server.fail("502-html", "POST /api/method/restamp_commit.commit", 3);
  const done = await Promise.all(tills.flatMap((till, n) => [1, 2].map(async (step) => {
    const [from, to] = [names[n], names[(n + step) % 5]];
    const outcome = await till.transfer(from, to, "7.25");
    return { from, to, outcome };
  })));
  assert.deepEqual(done.filter(({ outcome }) => outcome.kind !== "committed"), []);
  for (const name of names) {
    const moved = done.reduce((sum, { from, to }) => sum + (to === name) - (from === name), 0);
    assert.equal(await balance(name), 100 + 7.25 * moved, name);
  }
  const replays = (await server.log()).filter(({ path }) => path.includes("restamp_commit"));
  assert.ok(replays.length > done.length, "some were sent again");
});

test("layers are taken first in first out, and what is short is told", async (t) => {
  await server.reset();
  const names = [];
  for (const [created, quantity, value] of [["2026-01-01", "120", "240"], ["2026-01-02", "180", "540"]]) {
    names.push((await ask("POST", "/api/resource/POS%20Wallet", { created, quantity, value })).data.name);
  }
  const tills = await Promise.all([0, 1, 2, 3].map((n) => open(t, `T${n}`)));
  const outcomes = await Promise.all(tills.map((till) => till.allocate(names, "100")));
  assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ["committed", "committed", "committed", "refused"]);
  assert.deepEqual(outcomes.find(({ kind }) => kind === "refused").short, "100");
});

test("eight tills find or create one document by a unique field, which Frappe alone keeps", async (t) => {
  await server.reset();
  t.after(() => server.heal());
  const tills = await Promise.all(Array.from({ length: 8 }, (_, n) => open(t, `T${n}`, { methods: {} })));
  await server.fail("lost-answer", "POST /api/resource/POS%20Wallet", 2);
  const found = await Promise.all(tills.map((till, n) => till.findOrCreate("client_uuid", "+66 2 123", () => ({ client_uuid: "+66 2 123", by: `T${n}` }))));
  assert.equal(new Set(found.map(({ key }) => key)).size, 1, JSON.stringify(found));
  assert.equal((await ask("GET", "/api/resource/POS%20Wallet")).data.length, 1);
});

test("the method in the documents does what it says", () => {
  const example = join(root, "examples/frappe/restamp_commit.py");
  assert.equal(execFileSync("python3", [join(root, "tests/package/programs/frappe_method.py"), example], { encoding: "utf8" }).trim(), "ok");
  const doctype = JSON.parse(readFileSync(join(root, "examples/frappe/restamp_commit.json"), "utf8"));
  assert.deepEqual([doctype.name, doctype.autoname, doctype.fields.map(({ fieldname }) => fieldname)], ["Restamp Commit", "field:token", ["token", "answer"]]);
});
