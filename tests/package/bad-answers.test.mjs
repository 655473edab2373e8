// Servers that answer nonsense: every call comes to an outcome, the draft keeps its edits, and once the server is
// well again they are stored.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryServer, guarantees, shopProfile } from "./memory-server.mjs";
import { packed } from "./reference.mjs";

const restamp = await packed();
const { classify, frappe, openTill, rest } = restamp;
const schedule = { kind: "fixed", base: 5, attempts: 3 };
const seed = () => ({ id: "A", customer: "Walk-in", lines: [{ id: "r1", qty: 1 }] });
const good = (doc, stamp) => new Response(JSON.stringify(doc), { status: 200, headers: { etag: `"${stamp}"` } });

/** A REST server of one document in a fetch function; `answer` may put something else in the place of an answer. */
function fetched() {
  const server = { doc: seed(), stamp: 1, answer: () => undefined, applies: false, stored: 0 };
  server.fetch = async (url, init) => {
    const instead = server.answer(init.method, url, init);
    const store = init.method === "PUT" && init.headers["If-Match"] === `"${server.stamp}"`;
    if (store && (instead === undefined || server.applies)) {
      server.doc = JSON.parse(new TextDecoder().decode(init.body));
      server.stamp += 1;
      server.stored += 1;
    }
    if (instead !== undefined) return instead;
    if (init.method === "PUT" && !store) return new Response("", { status: 412 });
    return good(server.doc, server.stamp);
  };
  return server;
}

async function open(t, backend, more = {}) {
  const till = await openTill({ backend, profile: shopProfile, till: "T1", user: "anna", store: "memory", schedule, ...more });
  t.after(() => till.close());
  return till;
}

const bodies = {
  "half a document": "{\"data\":", "HTML": "<!doctype html><h1>Please log in</h1>", "nothing but white space": " \n", "a word": "OK",
  "a list": "[1,2]", "a number": "12", "null": "null", "two documents": "{}{}", "a comment": "{/* hello */}", "single quotes": "{'id':'A'}",
  "a trailing comma": "{\"id\":\"A\",}", "NaN": "{\"id\":NaN}", "no UTF-8": new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  "bytes at random": new Uint8Array([0, 1, 2, 3, 0x80]), "nesting without end": "[".repeat(100_000), "an error in a good answer": "{\"error\":\"no\"}",
  "a table that is none": "{\"id\":\"A\",\"lines\":5}", "30 MB": `{"id":"A","x":"${"x".repeat(30 << 20)}"}`,
};
const answers = {
  ...Object.fromEntries(Object.entries(bodies).map(([name, body]) => [name, () => new Response(body, { status: 200, headers: { etag: "\"9\"" } })])),
  "30 MB that it announces": () => new Response(bodies["30 MB"], { status: 200, headers: { "content-length": String(bodies["30 MB"].length) } }),
  "undefined": () => null, "a string": () => "OK", "an object that is no response": () => ({}), "a status without a body": () => ({ status: 200 }),
  "a response that cannot be read": () => ({ status: 200, headers: new Headers(), arrayBuffer: () => Promise.reject(new Error("reset")) }),
  "a body of another kind": () => ({ status: 200, headers: new Headers(), arrayBuffer: async () => "text" }),
  "a body that throws": () => ({ status: 200, headers: { get() { throw new Error("no"); } }, arrayBuffer() { throw new Error("no"); } }),
  "an exception": () => { throw new TypeError("Failed to fetch"); }, "a rejection with nothing": () => Promise.reject(),
  "a rejection with a string": () => Promise.reject("offline"),
  "a status that is none": () => ({ status: "200", headers: new Headers(), arrayBuffer: async () => new ArrayBuffer(0) }),
};

for (const [name, answer] of Object.entries(answers)) {
  test(`answered with ${name}, a save loses nothing and stores once`, async (t) => {
    for (const applies of [false, true]) {
      const server = fetched();
      const till = await open(t, rest({ path: "/carts", fetch: server.fetch, timeout: 500 }));
      const draft = await till.open("A");
      draft.increment("lines[r1].qty", "2");
      const shown = draft.doc;
      server.applies = applies;
      server.answer = (method) => (method === "PUT" ? answer() : undefined);
      const first = await draft.save();
      assert.ok(["committed", "queued"].includes(first.kind), JSON.stringify(first));
      if (first.kind === "queued") assert.deepEqual(draft.doc, shown);
      server.answer = () => undefined;
      const last = await draft.save();
      assert.equal(last.kind, "committed", JSON.stringify(last));
      assert.deepEqual([server.doc.lines, server.stored], [[{ id: "r1", qty: 3, pos: 1 }], 1]);
      assert.equal(draft.status, "clean");
    }
  });

  test(`answered with ${name}, a document is not opened, and can be later`, async (t) => {
    const server = fetched();
    const till = await open(t, rest({ path: "/carts", fetch: server.fetch, timeout: 500 }));
    server.answer = answer;
    await assert.rejects(till.open("A"), (error) => {
      assert.ok(error instanceof restamp.RestampError, String(error));
      assert.ok(["unavailable", "not-a-document", "not-json", "rejected"].includes(error.code), `${error.code}: ${error.message}`);
      return true;
    });
    server.answer = () => undefined;
    assert.equal((await till.open("A")).get("customer"), "Walk-in");
  });
}

test("a fetch that never answers and does not heed its signal is given up after the timeout", async (t) => {
  const server = fetched();
  const till = await open(t, rest({ path: "/carts", fetch: server.fetch, timeout: 50 }));
  const draft = await till.open("A");
  draft.set("customer", "Somchai");
  let aborted = 0;
  server.answer = (method, url, init) => {
    init.signal.addEventListener("abort", () => { aborted += 1; });
    return new Promise(() => {});
  };
  const outcome = await draft.save();
  assert.deepEqual([outcome.kind, outcome.reason, draft.status], ["queued", "offline", "waiting"]);
  assert.ok(aborted >= 2, "the save and the look after it");
  server.answer = () => undefined;
  assert.equal((await draft.save()).kind, "committed");
  assert.equal(server.doc.customer, "Somchai");
});

test("a body that never ends is given up after the timeout", async (t) => {
  const server = fetched();
  const till = await open(t, rest({ path: "/carts", fetch: server.fetch, timeout: 50 }));
  server.answer = () => new Response(new ReadableStream({ start(stream) { stream.enqueue(new TextEncoder().encode("{")); } }), { status: 200 });
  await assert.rejects(till.open("A"), { code: "unavailable" });
});

const nonsense = {
  nothing: undefined, null: null, "a string": "saved", "a number": 1, "an empty object": {}, "an unknown kind": { kind: "stored" },
  "a kind that is no text": { kind: 5 }, "a cycle": (() => { const verdict = { kind: "saved" }; verdict.self = verdict; return verdict; })(),
  "a BigInt": { kind: "saved", stamp: 5n }, "loaded without a document": { kind: "loaded" }, "loaded with text": { kind: "loaded", doc: "{" },
  "NaN in the document": { kind: "loaded", stamp: "s1", doc: { id: "A", lines: [{ id: "r1", qty: NaN }] } },
};
for (const [name, verdict] of Object.entries(nonsense)) {
  test(`a backend of the page's that answers ${name} proves nothing`, async (t) => {
    const server = new MemoryServer();
    server.put("A", seed());
    const till = await open(t, server.backend);
    const draft = await till.open("A");
    draft.increment("lines[r1].qty", "1");
    const { backend } = server;
    till.close();
    const broken = { guarantees, load: backend.load, save: async (...args) => { await backend.save(...args); return verdict; } };
    const again = await open(t, broken);
    const second = await again.open("A");
    second.increment("lines[r1].qty", "1");
    const outcome = await second.save();
    assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
    assert.ok(outcome.echoed, "looked, and found");
    assert.equal(server.doc("A").lines[0].qty, 2);
    const third = await open(t, { ...broken, load: async () => verdict });
    await assert.rejects(third.open("A"), (error) => error instanceof restamp.RestampError);
  });
}

test("keys that are special in JavaScript are plain data in documents, rows, edits and answers", async (t) => {
  const clean = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));
  const special = (value) => JSON.parse(`{"__proto__":${value},"constructor":${value},"prototype":${value},"toString":${value},"hasOwnProperty":${value}}`);
  const server = new MemoryServer();
  server.put("A", { ...seed(), ...{ inner: special("{\"polluted\":1}") }, lines: [JSON.parse("{\"id\":\"__proto__\",\"qty\":1,\"__proto__\":{\"polluted\":1}}")] });
  const till = await open(t, server.backend);
  const draft = await till.open("A");
  for (const path of ["__proto__", "lines[__proto__].__proto__"]) assert.throws(() => draft.set(path, { polluted: 1 }), { code: "unknown-path" });
  for (const key of ["constructor", "prototype", "toString", "hasOwnProperty"]) {
    draft.set(key, "mine");
    assert.equal(draft.get(key), "mine");
    assert.ok(Object.hasOwn(draft.doc, key), key);
    draft.increment("lines[__proto__].qty", "1");
    draft.set(`lines[__proto__].${key}`, { polluted: 1 });
    assert.equal(draft.insert("lines", JSON.parse(`{"id":"${key}x","${key}":{"polluted":1},"__proto__":{"polluted":1}}`)), `${key}x`);
  }
  server.elsewhere("A", (doc) => { doc.inner2 = special("{\"polluted\":2}"); });
  const outcome = await draft.save();
  assert.equal(outcome.kind, "committed");
  assert.ok(Object.hasOwn(outcome.doc.inner, "__proto__"));
  assert.equal(Object.getPrototypeOf(outcome.doc), Object.prototype);
  assert.equal(outcome.doc.polluted, undefined);
  assert.equal({}.polluted, undefined);
  assert.equal(JSON.stringify(Object.getOwnPropertyNames(Object.prototype)), clean);
  assert.equal(server.doc("A").lines[0].qty, 5);
  const merged = restamp.merge(special("1"), special("{\"polluted\":1}"), special("1"), restamp.profiles.plain);
  assert.deepEqual(Object.getOwnPropertyDescriptor(merged.doc, "__proto__").value, { polluted: 1 });
  assert.equal(merged.doc.polluted, undefined);
  const verdict = classify("rest", "load", { status: 200, headers: { etag: "\"1\"", ["__proto__"]: "x" }, body: "{\"id\":\"A\",\"__proto__\":{\"polluted\":1}}" });
  assert.equal(verdict.kind, "loaded");
  assert.equal(verdict.doc.polluted, undefined);
});

test("classify() gives a verdict for every status, adapter and call, whatever the body", () => {
  const kinds = new Set(["saved", "loaded", "stale", "exists", "gone", "closed", "unavailable", "in-doubt", "unauthenticated", "rejected"]);
  const texts = Object.values(bodies).filter((body) => typeof body === "string");
  for (const adapter of ["frappe", "rest"]) {
    for (const call of ["create", "update", "submit", "load", "find"]) {
      for (const status of [0, 100, 200, 201, 204, 206, 301, 304, 400, 401, 403, 404, 405, 409, 412, 413, 417, 422, 428, 429, 500, 502, 503, 504, 508, 599, 999]) {
        for (const body of [undefined, "", ...texts]) {
          const verdict = classify(adapter, call, { status, body });
          assert.ok(kinds.has(verdict.kind), `${adapter} ${call} ${status} ${body?.slice(0, 20)}: ${JSON.stringify(verdict)}`);
          const saved = verdict.kind === "saved" || verdict.kind === "loaded";
          assert.ok(!saved || (status >= 200 && status < 300), `${adapter} ${call} ${status} is no success`);
        }
      }
    }
  }
});

test("headers of the page's that cannot be sent, and a csrf function that fails, come to an outcome", async (t) => {
  const server = fetched();
  const seen = [];
  server.answer = (method, url, init) => void seen.push(new Headers(init.headers));
  const till = await open(t, rest({ path: "/carts", fetch: server.fetch, headers: { "X-Shop": "7" } }));
  const draft = await till.open("A");
  draft.set("customer", "Somchai");
  assert.equal((await draft.save()).kind, "committed");
  assert.ok(seen.every((headers) => headers.get("x-shop") === "7"));
  for (const csrf of [() => { throw new Error("no"); }, () => Promise.reject(new Error("no")), () => 5]) {
    const asked = await open(t, frappe({ doctype: "Cart", fetch: server.fetch, csrf }));
    const created = await asked.create({ customer: "Somchai" });
    assert.equal(typeof (await created.save()).kind, "string");
  }
});
