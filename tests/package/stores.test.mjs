// One suite over every store: memory of the page's own, IndexedDB, the origin private file system, and each of them with a
// key. In a real browser; a reload of the page is its crash.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { project } from "./project.mjs";
import { startBackend } from "./reference.mjs";

const folder = project({
  "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import * as restamp from "/node_modules/restamp/restamp.js";
    globalThis.restamp = restamp;
    /** A store of the page's own: it keeps bytes where a reload leaves them. */
    const own = {
      async append(user, entries) { own.put(user, [...(await own.load(user)), ...entries]); },
      async load(user) { return JSON.parse(sessionStorage[user] ?? "[]").map((list) => Uint8Array.from(list)); },
      async compact(user, entries) { own.put(user, entries); },
      put(user, entries) { sessionStorage[user] = JSON.stringify(entries.map((entry) => [...entry])); },
    };
    const key = (seed) => crypto.subtle.importKey("raw", new Uint8Array(32).fill(seed), "AES-GCM", false, ["encrypt", "decrypt"]);
    const shop = (stamp, docs) => ({
      guarantees: { compareAndSet: "atomic", token: "native", transactions: false, leases: false, sequences: false, changes: false, apply: false },
      async load(key) { return docs[key] ? { kind: "loaded", stamp: docs[key].stamp, doc: docs[key].doc } : { kind: "gone" }; },
      async save({ key, doc }) { docs[key] = { stamp: String(stamp += 1), doc }; return { kind: "saved", key, stamp: docs[key].stamp }; },
    });
    globalThis.open_till = async (user, store, seed, more) => restamp.openTill({
      backend: shop(1, { A: { stamp: "1", doc: { customer: "Walk-in", lines: [{ id: "r1", qty: 1 }] } }, B: { stamp: "1", doc: { lines: [] } } }),
      profile: { tables: { lines: { row: ["id"], counter: ["qty"] } } }, till: "T1", user,
      store: store === "own" ? own : store, ...(seed ? { key: await key(seed) } : {}), ...more,
    });
    /** All bytes that the browser keeps for this store, as text. */
    globalThis.kept = async (store) => {
      const text = (bytes) => new TextDecoder("latin1").decode(bytes);
      if (store === "own") return Object.values(sessionStorage).flatMap((list) => JSON.parse(list)).map((list) => text(Uint8Array.from(list)));
      if (store === "opfs") {
        const found = [];
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("restamp");
        for await (const [name, file] of folder) if (!name.endsWith(".term")) found.push(text(await (await file.getFile()).arrayBuffer()));
        return found;
      }
      const database = await new Promise((resolve) => { indexedDB.open("restamp").onsuccess = ({ target }) => resolve(target.result); });
      const all = await new Promise((resolve) => { database.transaction("entries").objectStore("entries").getAll().onsuccess = ({ target }) => resolve(target.result); });
      database.close();
      return all.map(({ bytes }) => text(bytes));
    };
    globalThis.ready = true;
  </script>`,
});
const server = await startBackend("--www", folder);

async function tab(made) {
  const page = await made.newPage();
  await load(page);
  return page;
}

async function load(page) {
  await page.goto(`${server.url}/index.html`);
  await page.waitForFunction(() => globalThis.ready, undefined, { timeout: 60_000 });
}

async function context(t) {
  const made = await (await openBrowser()).newContext();
  t.after(() => made.close());
  return made;
}

for (const [store, seed] of [["own", 0], ["indexeddb", 0], ["opfs", 0], ["own", 7], ["indexeddb", 7], ["opfs", 7]]) {
  const name = seed ? `${store} with a key` : store;

  test(`${name}: unsaved edits are back after a crash, in their order; what is saved is not`, async (t) => {
    const page = await tab(await context(t));
    const before = await page.evaluate(async ({ store, seed }) => {
      const till = await open_till("anna", store, seed);
      const [a, b] = [await till.open("A"), await till.open("B")];
      for (let n = 0; n < 120; n += 1) {
        a.insert("lines", { id: `x${n}`, qty: n }, { after: null });
        a.set("customer", `customer ${n}`);
        if (n % 30 === 0) await a.durable();
      }
      a.increment("lines[r1].qty", "2");
      b.insert("lines", { id: "saved", qty: 1 });
      const { kind } = await b.save();
      await a.durable();
      return { doc: JSON.stringify(a.doc), kind, entries: (await kept(store)).length };
    }, { store, seed });
    assert.equal(before.kind, "committed");
    await load(page);
    const found = await page.evaluate(async ({ store, seed }) => {
      const till = await open_till("anna", store, seed);
      const [a, b] = [await till.open("A"), await till.open("B")];
      const seen = { doc: JSON.stringify(a.doc), status: a.status, other: b.status };
      const { kind } = await a.save();
      return { ...seen, kind };
    }, { store, seed });
    assert.deepEqual(found, { doc: before.doc, status: "dirty", other: "clean", kind: "committed" });
    await load(page);
    const [status, entries] = await page.evaluate(async ({ store, seed }) => {
      const till = await open_till("anna", store, seed);
      return [(await till.open("A")).status, (await kept(store)).length];
    }, { store, seed });
    assert.equal(status, "clean");
    assert.ok(entries < 5, `the journal is short again: ${entries}`);
  });

  test(`${name}: users never mix, and an edit that is durable is in the store`, async (t) => {
    const page = await tab(await context(t));
    const found = await page.evaluate(async ({ store, seed }) => {
      const [anna, ben] = [await open_till("anna", store, seed), await open_till("ben", store, seed)];
      const [hers, his] = [await anna.open("A"), await ben.open("A")];
      hers.set("customer", "only Anna");
      his.increment("lines[r1].qty", "5");
      await Promise.all([hers.durable(), his.durable()]);
      const text = (await kept(store)).join("");
      await Promise.all([anna.close(), ben.close()]);
      const again = [await open_till("anna", store, seed), await open_till("ben", store, seed), await open_till("an", store, seed)];
      const docs = [];
      for (const till of again) {
        const draft = await till.open("A");
        docs.push([draft.status, draft.get("customer"), draft.get("lines[r1].qty")]);
      }
      return { docs, inTheClear: text.includes("only Anna") };
    }, { store, seed });
    assert.deepEqual(found, {
      docs: [["dirty", "only Anna", 1], ["dirty", "Walk-in", 6], ["clean", "Walk-in", 1]], inTheClear: seed === 0,
    });
  });

  if (seed) {
    test(`${name}: a wrong key, or none, is refused by name and loses nothing`, async (t) => {
      const page = await tab(await context(t));
      const found = await page.evaluate(async ({ store, seed }) => {
        const till = await open_till("anna", store, seed);
        (await till.open("A")).increment("lines[r1].qty", "4");
        await till.close();
        const refused = [];
        for (const other of [seed + 1, 0]) refused.push(await open_till("anna", store, other).catch(({ code }) => code));
        const right = await open_till("anna", store, seed);
        const bad = await open_till("anna", store, 0, { key: "secret" }).catch(({ code }) => code);
        return { refused, bad, qty: (await right.open("A")).get("lines[r1].qty") };
      }, { store, seed });
      assert.deepEqual(found, { refused: ["journal-key", "journal-key"], bad: "invalid-argument", qty: 5 });
    });

    test(`${name}: drafts from before there was a key are read, and then encrypted`, async (t) => {
      const page = await tab(await context(t));
      const found = await page.evaluate(async ({ store, seed }) => {
        const before = await open_till("anna", store, 0);
        const draft = await before.open("A");
        draft.set("customer", "in the clear");
        draft.increment("lines[r1].qty", "4");
        await before.close();
        const till = await open_till("anna", store, seed);
        const qty = (await till.open("A")).get("lines[r1].qty");
        return { qty, inTheClear: (await kept(store)).join("").includes("in the clear") };
      }, { store, seed });
      assert.deepEqual(found, { qty: 5, inTheClear: false });
    });
  }

  if (store !== "own") {
    test(`${name}: two pages are one till, and the second goes on when the first is gone`, async (t) => {
      const made = await context(t);
      const [first, second] = [await tab(made), await tab(made)];
      const begin = async ({ store, seed }) => { globalThis.draft = await (await open_till("anna", store, seed)).open("A"); };
      await first.evaluate(begin, { store, seed });
      await second.evaluate(begin, { store, seed });
      await first.evaluate(() => draft.increment("lines[r1].qty", "1"));
      await second.waitForFunction(() => draft.get("lines[r1].qty") === 2);
      await second.evaluate(() => { draft.increment("lines[r1].qty", "10"); return draft.durable(); });
      await first.close();
      await second.evaluate(() => { draft.increment("lines[r1].qty", "100"); return draft.durable(); });
      await load(second);
      await second.evaluate(begin, { store, seed });
      assert.equal(await second.evaluate(() => draft.get("lines[r1].qty")), 112);
    });
  }
}

test("IndexedDB: a journal of version 1, with parts of several pages, is brought up to date", async (t) => {
  const page = await tab(await context(t));
  const found = await page.evaluate(async () => {
    const entry = (id, key, by) => [
      `{"v":1,"entry":"state","id":"${id}","key":"${key}","stamp":"1","base":{"customer":"Walk-in","lines":[{"id":"r1","qty":1}]},"edits":[],"conflicts":[]}`,
      `{"v":1,"entry":"edited","id":"${id}","revision":1,"op":{"op":"set","path":"customer","value":"${by}"}}`,
    ].map((text) => new TextEncoder().encode(text));
    await new Promise((resolve) => {
      const request = indexedDB.open("restamp", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("entries", { autoIncrement: true }).createIndex("user", "user");
      request.onsuccess = () => {
        const transaction = request.result.transaction("entries", "readwrite");
        const parts = [["anna", entry("one", "A", "first page")], ["anna\0" + "1", entry("two", "B", "second page")], ["ben", entry("three", "A", "Ben's")]];
        for (const [user, entries] of parts) for (const bytes of entries) transaction.objectStore("entries").put({ user, bytes });
        transaction.oncomplete = () => { request.result.close(); resolve(); };
      };
    });
    const till = await open_till("anna", "indexeddb", 0);
    const seen = [(await till.open("A")).get("customer"), (await till.open("B")).get("customer")];
    const ben = await open_till("ben", "indexeddb", 0);
    const own = [(await ben.open("A")).get("customer")];
    // Nothing is missing in it that was sent.
    const database = await new Promise((resolve) => { indexedDB.open("restamp").onsuccess = ({ target }) => resolve(target.result); });
    const marks = await new Promise((resolve) => { database.transaction("leases").objectStore("leases").getAllKeys().onsuccess = ({ target }) => resolve(target.result); });
    database.close();
    return [...seen, ...own, marks.filter(Array.isArray)];
  });
  assert.deepEqual(found, ["first page", "second page", "Ben's", [["anna", "whole"], ["ben", "whole"]]]);
});

test("IndexedDB: a database of a later version is refused by name, and left as it is", async (t) => {
  const page = await tab(await context(t));
  const found = await page.evaluate(async () => {
    await new Promise((resolve) => {
      const request = indexedDB.open("restamp", 77);
      request.onupgradeneeded = () => request.result.createObjectStore("later");
      request.onsuccess = () => { request.result.close(); resolve(); };
    });
    const refused = await open_till("anna", "indexeddb", 0).catch(({ code }) => code);
    const [{ version }] = await indexedDB.databases();
    return [refused, version];
  });
  assert.deepEqual(found, ["journal-format", 77]);
});

test("the file system: a batch that was cut off is left out, a later format is refused by name and left as it is", async (t) => {
  const page = await tab(await context(t));
  const found = await page.evaluate(async () => {
    const first = await open_till("anna", "opfs", 0);
    const draft = await first.open("A");
    draft.increment("lines[r1].qty", "1");
    await draft.durable();
    draft.increment("lines[r1].qty", "10");
    await first.close();
    await new Promise((later) => setTimeout(later, 200));
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("restamp");
    const change = async (alter) => {
      for await (const [name, file] of folder) {
        if (name.endsWith(".term")) continue;
        const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer());
        const stream = await file.createWritable();
        await stream.write(alter(bytes));
        await stream.close();
      }
    };
    await change((bytes) => bytes.subarray(0, bytes.length - 3));
    const second = await open_till("anna", "opfs", 0);
    const cut = (await second.open("A")).get("lines[r1].qty");
    await second.close();
    await new Promise((later) => setTimeout(later, 200));
    await change((bytes) => bytes.with(5, 99));
    const refused = await open_till("anna", "opfs", 0).catch(({ code }) => code);
    await new Promise((later) => setTimeout(later, 200));
    const formats = [];
    await change((bytes) => { formats.push(bytes[5]); return bytes; });
    return { cut, refused, formats: [...new Set(formats)] };
  });
  assert.deepEqual(found, { cut: 2, refused: "journal-format", formats: [99] });
});

test("where there is no file system the till goes on in memory, and says so once", async (t) => {
  const made = await context(t);
  await made.addInitScript(() => { StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException("no", "SecurityError")); });
  const page = await tab(made);
  const found = await page.evaluate(async () => {
    // The worker has a file system of its own: it is kept away from it too.
    const Before = Worker;
    globalThis.Worker = class extends Before { constructor() { super("data:text/javascript,throw 1"); } };
    const till = await open_till("anna", "opfs", 0);
    const notices = [];
    till.on("notice", ({ kind }) => notices.push(kind));
    const draft = await till.open("A");
    draft.increment("lines[r1].qty", "1");
    const durable = await draft.durable().catch(({ code }) => code);
    const { kind } = await draft.save();
    return { notices, durable, kind };
  });
  assert.deepEqual(found, { notices: ["storage"], durable: "storage", kind: "committed" });
});
