// Two pages of one browser are one till: one of them sends, the same draft is one draft, and whoever is left goes on when
// the sending page is closed, crashes or freezes. Against the reference backend.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { project } from "./project.mjs";
import { startBackend } from "./reference.mjs";

const shop = `
  import * as restamp from "/node_modules/restamp/restamp.js";
  globalThis.openTill = (user, more) => restamp.openTill({
    backend: restamp.frappe({ url: "", doctype: "Sales Invoice", token: "till-1:secret", timeout: 5000 }),
    profile: restamp.profiles.salesInvoice, till: "T1", user, schedule: { kind: "full-jitter", base: 20, cap: 200, attempts: 6 }, ...more,
  });
  globalThis.restamp = restamp;
`;
/** What a worker does for its page: runs text as an async function, and answers. */
const obey = `
  const AsyncFunction = (async () => {}).constructor;
  const serve = (port) => async ({ data: { text, value } }) => port.postMessage(await new AsyncFunction("value", text)(value).then(
    (answer) => ({ answer }), (error) => ({ error: String(error) })));
`;
const folder = project({
  "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module">${shop} window.ready = true;</script>`,
  "worker.mjs": `${shop} ${obey} onmessage = serve(globalThis);`,
  "shared.mjs": `${shop} ${obey} onconnect = ({ ports: [port] }) => { port.onmessage = serve(port); };`,
});
const server = await startBackend("--www", folder);
const rows = ["r1", "r2"].map((id) => ({ item_code: "TEA", qty: 1, posa_row_id: id }));
const cart = () => server.insert({ customer: "Walk-in", items: rows });

/** A browser context of its own, closed after the test. */
async function context(t, script) {
  const made = await (await openBrowser()).newContext();
  if (script) await made.addInitScript(script);
  t.after(() => made.close());
  return made;
}

/** A page with a till of this user; `page.sent` are the requests to the server's API. */
async function tab(made, user) {
  const page = await made.newPage();
  page.sent = [];
  page.on("request", (request) => {
    if (request.url().includes("/api/")) page.sent.push(`${request.method()} ${new URL(request.url()).pathname}`);
  });
  await page.goto(`${server.url}/index.html`);
  await page.waitForFunction(() => window.ready, undefined, { timeout: 60_000 });
  await page.evaluate(async (user) => {
    window.till = await openTill(user);
    window.notices = [];
    window.till.on("notice", ({ kind }) => window.notices.push(kind));
  }, user);
  return page;
}

const open = (page, key) => page.evaluate(async (key) => { window.draft = await window.till.open(key); }, key);
const step = (page, row, by = "1") => page.evaluate(({ row, by }) => window.draft.increment(`items[${row}].qty`, by), { row, by });
const save = (page) => page.evaluate(async () => {
  const { kind, message, doc } = await window.draft.save();
  return { kind, message, total: doc?.items.map(({ qty }) => qty), same: doc === window.draft.doc };
});
const quantities = (page) => page.evaluate(() => window.draft.doc.items.map(({ qty }) => Number(qty)));
const status = (page) => page.evaluate(() => window.draft.status);
const durable = (page) => page.evaluate(() => window.draft.durable());
const stored = async (key) => (await server.invoice(key)).items.map(({ qty }) => qty);
const shows = (page, wanted) => page.waitForFunction((wanted) => JSON.stringify(window.draft.doc.items.map(({ qty }) => Number(qty))) === wanted, JSON.stringify(wanted), { timeout: 30_000 });
const rests = (page, wanted = "clean") => page.waitForFunction((wanted) => window.draft.status === wanted, wanted, { timeout: 30_000 });

/** The office changes a row on the server, beside all tills. */
async function office(key, row, by) {
  const { modified, items } = await server.invoice(key);
  const changed = items.map((item) => (item.posa_row_id === row ? { ...item, qty: item.qty + by } : item));
  const response = await fetch(`${server.url}/api/resource/Sales%20Invoice/${key}`, {
    method: "PUT", headers: { authorization: "token till-2:secret", "content-type": "application/json" }, body: JSON.stringify({ modified, items: changed }),
  });
  assert.ok(response.ok, await response.text());
}

test("the same draft in two tabs is one draft, and one of them sends", async (t) => {
  const { name: key } = await cart();
  const made = await context(t);
  const [first, second] = [await tab(made, "anna"), await tab(made, "anna")];
  await open(first, key);
  await open(second, key);
  await step(first, "r1");
  await shows(second, [2, 1]);
  await step(second, "r2", "10");
  assert.deepEqual(await quantities(second), [2, 11], "at once where it is made");
  await shows(first, [2, 11]);
  assert.deepEqual([await status(first), await status(second)], ["dirty", "dirty"]);
  await durable(second);
  const saved = await save(second);
  assert.deepEqual([saved.kind, saved.total, saved.same], ["committed", [2, 11], true]);
  await rests(first);
  await rests(second);
  assert.deepEqual(await stored(key), [2, 11]);

  for (let scan = 0; scan < 40; scan += 1) await Promise.all([step(first, "r1"), step(second, "r1"), step(second, "r2")]);
  const [one, two] = await Promise.all([save(first), save(second)]);
  assert.deepEqual([one.kind, two.kind], ["committed", "committed"]);
  await shows(first, [82, 51]);
  await shows(second, [82, 51]);
  assert.deepEqual(await stored(key), [82, 51]);
  assert.deepEqual(second.sent, [], "the second tab sends nothing itself");
  assert.ok(first.sent.length > 0);
});

test("a document that one tab creates is a draft in the other, and exists once", async (t) => {
  const made = await context(t);
  const [first, second] = [await tab(made, "creates"), await tab(made, "creates")];
  const before = (await server.invoices()).length;
  const name = await second.evaluate(async () => {
    window.draft = await window.till.create({ customer: "Somchai", items: [{ item_code: "TEA", qty: 1, posa_row_id: "r1" }] });
    return window.draft.key;
  });
  await step(second, "r1");
  await open(first, name);
  await shows(first, [2]);
  assert.equal((await save(first)).kind, "committed");
  await rests(second);
  const key = await second.evaluate(() => window.draft.key);
  assert.match(key, /^ACC-SINV/);
  assert.deepEqual(await stored(key), [2]);
  assert.equal((await server.invoices()).length, before + 1);
});

test("misuse throws in the tab where it happens; questions are answered in either; a discard counts for both", async (t) => {
  const { name: key } = await cart();
  const made = await context(t);
  const [first, second] = [await tab(made, "asks"), await tab(made, "asks")];
  await open(first, key);
  await open(second, key);
  const codes = await second.evaluate(() => ["items[zz].qty", "nothing[r1].qty", "grand_total"].map((path) => {
    try { return window.draft.set(path, "1"); } catch (error) { return error.code; }
  }));
  assert.deepEqual(codes, ["unknown-row", "unknown-path", "read-only"]);
  assert.equal(await second.evaluate(() => window.till.open("no such").catch((error) => [error instanceof restamp.RestampError, error.code].join())), "true,not-found");

  await second.evaluate(() => window.draft.set("items[r1].qty", "7"));
  await durable(second);
  await office(key, "r1", 2);
  assert.equal((await save(second)).kind, "conflict");
  await rests(first, "conflict");
  const asked = await first.evaluate(() => window.draft.conflicts.map(({ path }) => path));
  assert.deepEqual(asked, ["items[r1].qty"]);
  await second.evaluate(() => window.draft.resolve("items[r1].qty", "mine"));
  await rests(first);
  assert.equal((await save(second)).kind, "committed");
  assert.deepEqual(await stored(key), [7, 1]);

  await step(first, "r2");
  await shows(second, [7, 2]);
  await second.evaluate(() => window.draft.discard());
  await shows(first, [7, 1]);
  await shows(second, [7, 1]);
});

test("what others changed reaches all tabs: clean ones show it, dirty ones merge", async (t) => {
  const { name: key } = await cart();
  const made = await context(t);
  const [first, second] = [await tab(made, "base"), await tab(made, "base")];
  await open(first, key);
  await open(second, key);
  await office(key, "r1", 4);
  await open(first, key);
  await shows(second, [5, 1]);
  assert.equal(await status(second), "clean");
  await step(second, "r2");
  await durable(second);
  await office(key, "r1", 4);
  await step(first, "r1");
  assert.equal((await save(first)).kind, "committed");
  await shows(second, [10, 2]);
  assert.deepEqual(await stored(key), [10, 2]);
});

/** Stops a page as a frozen one is stopped: not a line of it runs until it is woken up. */
async function freeze(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Debugger.enable");
  const stopped = new Promise((seen) => session.once("Debugger.paused", seen));
  await session.send("Debugger.pause");
  page.evaluate(() => 1).catch(() => {});
  await stopped;
  return async () => {
    await session.send("Debugger.resume");
    await session.detach();
  };
}

/** How the sending tab goes away. */
const ends = {
  "is closed": (page) => page.close(),
  "crashes": async (page) => {
    const crashed = new Promise((seen) => page.once("crash", seen));
    page.goto("chrome://crash").catch(() => {});
    await crashed;
  },
};

for (const [how, end] of Object.entries(ends)) {
  test(`the sending tab ${how} in the middle of saves: another one sends what is left, once`, async (t) => {
    const { name: key } = await cart();
    const made = await context(t);
    const user = `hand-over ${how}`;
    const [first, second, third] = [await tab(made, user), await tab(made, user), await tab(made, user)];
    await open(first, key);
    await open(second, key);
    await open(third, key);
    for (let scan = 0; scan < 20; scan += 1) await Promise.all([step(first, "r1"), step(second, "r2"), step(third, "r1")]);
    await durable(first);
    await server.fail("delay-after=400", "PUT /api/resource");
    const saved = save(second);
    await first.evaluate(() => { window.draft.save(); });
    await step(second, "r2");
    await step(third, "r2");
    await new Promise((later) => setTimeout(later, 150));
    await end(first);
    await step(second, "r1");
    assert.equal((await saved).kind, "committed");
    assert.equal((await save(third)).kind, "committed");
    assert.equal((await save(second)).kind, "committed");
    await shows(second, [42, 23]);
    await shows(third, [42, 23]);
    assert.deepEqual(await stored(key), [42, 23]);
    await server.heal();
  });
}

test("a save that waits for the server is sent by the tab that is left, by itself", async (t) => {
  const { name: key } = await cart();
  const made = await context(t);
  const [first, second] = [await tab(made, "waits"), await tab(made, "waits")];
  await open(first, key);
  await step(first, "r1");
  await server.fail("lost-request", "", 0);
  assert.equal((await save(first)).kind, "queued");
  await first.close();
  await server.heal();
  await second.waitForTimeout(100);
  for (const end = Date.now() + 30_000; Date.now() < end && (await stored(key))[0] !== 2; ) await second.waitForTimeout(100);
  assert.deepEqual(await stored(key), [2, 1]);
  await open(second, key);
  await rests(second);
});

test("the sending tab freezes: another one sends, and the frozen one follows when it wakes up", async (t) => {
  const { name: key } = await cart();
  const made = await context(t);
  const [first, second] = [await tab(made, "freeze"), await tab(made, "freeze")];
  await open(first, key);
  await open(second, key);
  await step(first, "r1");
  await durable(first);
  const wake = await freeze(first);
  await step(second, "r2");
  assert.equal((await save(second)).kind, "committed");
  assert.deepEqual(await stored(key), [2, 2]);
  assert.ok(second.sent.length > 0, "the second tab sends now");

  await wake();
  await shows(first, [2, 2]);
  await step(first, "r1");
  assert.deepEqual(await quantities(first), [3, 2]);
  const requests = first.sent.length;
  assert.equal((await save(first)).kind, "committed");
  await shows(second, [3, 2]);
  assert.deepEqual(await stored(key), [3, 2]);
  assert.equal(first.sent.length, requests, "the first tab sends nothing any more");
});

test("without Web Locks a lease in the store says who sends, and passes on", async (t) => {
  const { name: key } = await cart();
  const made = await context(t, () => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
  const [first, second] = [await tab(made, "lease"), await tab(made, "lease")];
  assert.equal(await first.evaluate(() => navigator.locks), undefined);
  await open(first, key);
  await open(second, key);
  await step(first, "r1");
  await step(second, "r2");
  assert.equal((await save(second)).kind, "committed");
  assert.deepEqual([await stored(key), second.sent], [[2, 2], []]);
  const wake = await freeze(first);
  await step(second, "r2");
  assert.equal((await save(second)).kind, "committed");
  assert.deepEqual(await stored(key), [2, 3]);
  await wake();
  await shows(first, [2, 3]);
  await second.close();
  await step(first, "r1");
  assert.equal((await save(first)).kind, "committed");
  assert.deepEqual(await stored(key), [3, 3]);
});

for (const kind of ["Worker", "SharedWorker"]) {
  test(`a ${kind} and a page are one till`, async (t) => {
    const { name: key } = await cart();
    const made = await context(t);
    const page = await tab(made, "nobody");
    await page.evaluate((kind) => {
      const worker = kind === "Worker" ? new Worker("/worker.mjs", { type: "module" }) : new SharedWorker("/shared.mjs", { type: "module" });
      const port = worker.port ?? worker;
      window.tell = (text, value) => new Promise((resolve, reject) => {
        port.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.answer));
        worker.onerror = () => reject(new Error("the worker failed"));
        port.postMessage({ text, value });
      });
      window.end = () => (worker.terminate ? worker.terminate() : window.tell("setTimeout(close)"));
    }, kind);
    const tell = (text, value) => page.evaluate(({ text, value }) => window.tell(text, value), { text, value });
    await tell("globalThis.till = await openTill(value.user); globalThis.draft = await till.open(value.key); draft.increment('items[r1].qty', '1'); await draft.durable();", { user: kind, key });
    await page.evaluate(async (user) => { window.till = await openTill(user); }, kind);
    await open(page, key);
    await shows(page, [2, 1]);
    await step(page, "r2");
    assert.equal((await save(page)).kind, "committed");
    assert.deepEqual(await tell("return [draft.status, ...draft.doc.items.map(({ qty }) => qty)]"), ["clean", 2, 2]);
    await tell("draft.increment('items[r1].qty', '5'); await draft.durable();");
    await page.evaluate(() => window.end());
    await page.waitForFunction(() => window.draft.doc.items[0].qty === 7);
    assert.equal((await save(page)).kind, "committed");
    assert.deepEqual(await stored(key), [7, 2]);
  });
}

test("tabs of different users never mix", async (t) => {
  const { name: key } = await cart();
  const made = await context(t);
  const [anna, ben] = [await tab(made, "anna 2"), await tab(made, "ben 2")];
  await open(anna, key);
  await open(ben, key);
  await step(anna, "r1");
  await durable(anna);
  assert.deepEqual([await quantities(ben), await status(ben)], [[1, 1], "clean"]);
  await step(ben, "r1", "10");
  assert.deepEqual([(await save(anna)).kind, (await save(ben)).kind], ["committed", "committed"]);
  assert.deepEqual(await stored(key), [12, 1]);
  assert.ok(anna.sent.length > 0 && ben.sent.length > 0);
});
