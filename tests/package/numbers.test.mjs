// Amounts stay exact all the way: from the server's text over the page's objects and steps back to the server's text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore, shopProfile as shop } from "./memory-server.mjs";
import { packed } from "./reference.mjs";

const { tokenField, ...shopProfile } = shop; // no token, so that a body is told to the letter

const restamp = await packed();
const { merge, mergeBytes, openTill, profiles, rest } = restamp;

/** A REST server of one document, kept as the text that it is. */
async function opened(t, text, more = {}) {
  const server = { text, stamp: 1 };
  server.fetch = async (url, init) => {
    if (init.method === "PUT") {
      if (init.headers["If-Match"] !== `"${server.stamp}"`) return new Response("", { status: 412 });
      server.text = new TextDecoder().decode(init.body);
      server.stamp += 1;
    }
    return new Response(server.text, { status: 200, headers: { etag: `"${server.stamp}"` } });
  };
  const till = await openTill({ backend: rest({ path: "/carts", fetch: server.fetch }), profile: shopProfile, till: "T", user: "u", store: "memory", ...more });
  t.after(() => till.close());
  return { server, till, draft: await till.open("A") };
}

const long = "12345678901234567.89";

test("a number that a double cannot hold is a string in doc, and goes back digit for digit", async (t) => {
  for (const number of [long, "0.1234567890123456789", "-9007199254740993", "1e400", "123456789012345678901234567890123456789", "1.00000000000000000000000001", "1e-400"]) {
    const { server, draft } = await opened(t, `{"id":"A","total":${number},"note":"","lines":[{"id":"r1","qty":1,"rate":${number}}]}`);
    assert.equal(draft.doc.total, number);
    assert.equal(draft.get("lines[r1].rate"), number);
    draft.set("note", "x");
    draft.increment("lines[r1].qty", "1");
    assert.equal((await draft.save()).kind, "committed");
    assert.equal(server.text, `{"id":"A","total":${number},"note":"x","lines":[{"id":"r1","qty":2,"rate":${number},"pos":1}]}`);
    // A page that keeps whole documents hands the string back: that is no edit.
    draft.replace({ ...draft.doc, note: "y" });
    assert.equal((await draft.save()).kind, "committed");
    assert.equal(server.text, `{"id":"A","total":${number},"note":"y","lines":[{"id":"r1","qty":2,"rate":${number},"pos":1}]}`);
  }
});

test("steps and sums are exact", async (t) => {
  const cases = [
    ["0.1", "0.2", "0.3"], ["1.1", "2.2", "3.3"], ["0.7", "0.1", "0.8"], ["-0.1", "0.1", "0"], ["1", "-3", "-2"], ["1e3", "0.001", "1000.001"], ["2.50", "0.50", "3"],
    ["9007199254740993", "1", "9007199254740994"], [long, "0.01", "12345678901234567.9"], ["0.0000000001", "0.0000000002", "0.0000000003"],
    ["1e-7", "1e-7", null], ["999999999999999999999999999", "1", "1000000000000000000000000000"],
  ];
  for (const [from, by, sum] of cases) {
    const { server, draft } = await opened(t, `{"id":"A","lines":[{"id":"r1","qty":${from}}]}`);
    if (sum === null) {
      assert.throws(() => draft.increment("lines[r1].qty", by), { code: "not-a-decimal" });
      continue;
    }
    draft.increment("lines[r1].qty", by);
    assert.equal((await draft.save()).kind, "committed");
    assert.equal(server.text, `{"id":"A","lines":[{"id":"r1","qty":${sum},"pos":1}]}`, `${from} + ${by}`);
  }
});

test("a sum that no decimal holds exactly is refused, and the draft is as before", async (t) => {
  const { draft } = await opened(t, `{"id":"A","lines":[{"id":"r1","qty":9999999999999999999999999999}]}`);
  const before = draft.doc;
  assert.throws(() => draft.increment("lines[r1].qty", "0.0000000000001"), { name: "RestampError", code: "not-a-decimal" });
  assert.equal(draft.doc, before);
});

test("a field goes back in the kind in which it came", async (t) => {
  const { server, draft } = await opened(t, `{"id":"A","total":"12.50","paid":7.5,"lines":[{"id":"r1","qty":"1.0"},{"id":"r2","qty":1.0}]}`);
  draft.increment("lines[r1].qty", "1");
  draft.increment("lines[r2].qty", "1");
  draft.set("total", 13);
  draft.set("paid", "8.25");
  assert.equal((await draft.save()).kind, "committed");
  assert.equal(server.text, `{"id":"A","total":"13","paid":8.25,"lines":[{"id":"r1","qty":"2","pos":1},{"id":"r2","qty":2,"pos":2}]}`);
});

test("3, \"3.000\" and 3.0 are equal: no edit, no conflict", async (t) => {
  for (const [base, mine, theirs] of [["3", "3.000", "3.0"], ["\"3\"", "3.000", "3"], ["3e0", "\"3.0\"", "30e-1"]]) {
    const document = (total) => `{"total":${total}}`;
    const result = merge(document(base), document(mine), document(theirs), profiles.plain);
    assert.deepEqual([result.kind, result.incoming, result.reapplied], ["merged", [], []], `${base} ${mine} ${theirs}`);
  }
  const { draft } = await opened(t, `{"id":"A","total":3.0,"lines":[]}`);
  draft.replace({ ...draft.doc, total: "3.000" });
  assert.equal(draft.status, "clean");
});

test("mergeBytes() keeps every untouched byte", () => {
  const bytes = (text) => new TextEncoder().encode(text);
  const text = `{ "total" : ${long} , "rate":1.50, "s":"\\u0041\\/é\\ud800", "lines":[ {"id":"r1" ,"qty": 1.0} ] }`;
  const merged = mergeBytes(bytes(text), { ops: [{ op: "increment", path: "lines[r1].qty", by: "0.10" }] }, bytes(text.replace("1.50", "1.75")), shopProfile);
  assert.equal(merged.kind, "merged");
  assert.equal(new TextDecoder().decode(merged.bytes).replace(/,"pos":1/, ""), text.replace("1.50", "1.75").replace("1.0}", "1.1}"));
});

test("text of every kind survives: lone surrogates, unicode keys, control characters, quotes", async (t) => {
  const keys = ["ไทย", "🍵", "Ж", "a b", "a\"b", "a\\b", "a\nb", "\u0000", "\u2028", "é", "e\u0301", "\ud83c", "length", "0", "-1", "ß".repeat(300)];
  const { server, draft } = await opened(t, JSON.stringify({ id: "A", lines: [], ...Object.fromEntries(keys.map((key) => [key, "before"])) }));
  for (const key of keys) assert.equal(draft.doc[key], "before", JSON.stringify(key));
  const values = ["\ud800", "\udc00\ud800", "\uffff\u0000\u001f\u007f\u2028", "ร้าน 🍵 café", "\"\\/\b", "</script>", "x".repeat(100_000)];
  for (const [number, value] of values.entries()) draft.set(`v${number}`, value);
  const row = draft.insert("lines", { id: "ก|ไก่].x[\"\\", name: "\ud800" });
  assert.equal(draft.get(`lines[${row}].name`), "\ud800");
  draft.set(`lines[${row}].name`, "🍵\ud800");
  assert.equal((await draft.save()).kind, "committed");
  const stored = JSON.parse(server.text);
  values.forEach((value, number) => assert.equal(stored[`v${number}`], value));
  for (const key of keys) assert.equal(stored[key], "before", JSON.stringify(key));
  assert.deepEqual(stored.lines, [{ id: "ก|ไก่].x[\"\\", name: "🍵\ud800", pos: 1 }]);
});

test("a huge document is edited, merged and stored; one that is too large is refused by name", async (t) => {
  const lines = Array.from({ length: 20_000 }, (_, number) => ({ id: `r${number}`, qty: 1, note: "x".repeat(100) }));
  const { server, till, draft } = await opened(t, JSON.stringify({ id: "A", lines }));
  draft.increment("lines[r19999].qty", "1");
  draft.remove("lines", "r0");
  draft.move("lines", "r19999", null);
  const began = performance.now();
  assert.equal((await draft.save()).kind, "committed");
  assert.ok(performance.now() - began < 10_000, "in a reasonable time");
  const stored = JSON.parse(server.text).lines;
  assert.deepEqual([stored.length, stored[0].id, stored[0].qty], [19_999, "r19999", 2]);
  const before = draft.doc;
  const large = { ...before, note: "x".repeat(17 << 20) };
  await assert.rejects(async () => till.create(large), { name: "RestampError", code: "limit" });
  assert.throws(() => draft.replace(large), { name: "RestampError", code: "limit" });
  assert.throws(() => merge(large, {}, {}, profiles.plain), { name: "RestampError", code: "limit" });
  assert.equal(draft.doc, before);
});

test("nesting is kept as deep as documents go, through edits, saves and a restart", async (t) => {
  const nested = (levels) => `${"[".repeat(levels)}1${"]".repeat(levels)}`;
  for (const levels of [10, 40, 55]) {
    const { server, draft } = await opened(t, `{"id":"A","deep":${nested(levels)},"lines":[]}`);
    draft.set("mine", JSON.parse(nested(levels)));
    draft.insert("lines", { id: "r1", deep: JSON.parse(nested(levels)) });
    assert.equal((await draft.save()).kind, "committed", `${levels}`);
    assert.equal(server.text, `{"id":"A","deep":${nested(levels)},"lines":[{"id":"r1","deep":${nested(levels)},"pos":1}],"mine":${nested(levels)}}`);
  }
  let opens = 0;
  for (let levels = 56; levels <= 70; levels += 1) {
    const text = `{"id":"A","deep":${nested(levels)},"lines":[{"id":"r1","qty":1,"deep":${nested(levels - 2)}}]}`;
    const store = new MemoryStore();
    const one = await opened(t, text, { store }).catch((error) => assert.equal(error.name, "RestampError"));
    if (!one) continue;
    opens += 1;
    one.draft.increment("lines[r1].qty", "1");
    await one.draft.durable();
    const two = await opened(t, text, { store });
    assert.deepEqual([two.draft.status, two.draft.get("lines[r1].qty")], ["dirty", 2], `what was opened is found again: ${levels}`);
  }
  assert.ok(opens > 0 && opens < 15, "there is a limit");
});
