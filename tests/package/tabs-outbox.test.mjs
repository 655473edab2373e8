// Two pages of one user have one outbox: what a page that follows asks of it, the page that sends answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { project } from "./project.mjs";
import { startBackend } from "./reference.mjs";

const folder = project({
  "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import * as restamp from "/node_modules/restamp/restamp.js";
    window.shop = async (user) => {
      const till = await restamp.openTill({
        backend: restamp.frappe({ url: "", doctype: "Sales Invoice", token: "till-1:secret", timeout: 5000 }),
        profile: restamp.profiles.salesInvoice, till: "T1", user, schedule: { kind: "full-jitter", base: 20, cap: 200, attempts: 2 },
      });
      window.told = { notices: [], outcomes: [], waiting: -1 };
      till.on("notice", ({ kind }) => window.told.notices.push(kind));
      till.on("outbox", ({ waiting, outcome }) => {
        window.told.waiting = waiting;
        if (outcome) window.told.outcomes.push(outcome);
      });
      return (window.till = till);
    };
    window.sale = async (n) => (window.draft = await window.till.create({ customer: "Walk-in", items: [{ item_code: "TEA", qty: n, posa_row_id: "r1" }] }));
    window.refused = (promise) => promise.then(() => "none", ({ name, code }) => name + " " + code);
    window.ready = true;
  </script>`,
});
const server = await startBackend("--www", folder);

/** Two pages of this user; the first one sends. `second.sent` are the second one's requests to the server's API. */
async function pages(t, user) {
  const context = await (await openBrowser()).newContext();
  t.after(() => context.close());
  t.after(() => server.heal());
  const open = async () => {
    const page = await context.newPage();
    page.sent = [];
    page.on("request", (request) => request.url().includes("/api/") && page.sent.push(request.url()));
    await page.goto(`${server.url}/index.html`);
    await page.waitForFunction(() => window.ready, undefined, { timeout: 60_000 });
    await page.evaluate(async (user) => { await window.shop(user); }, user);
    return page;
  };
  return [await open(), await open()];
}

const list = (page) => page.evaluate(() => window.till.outbox.list());
const quantities = async () => (await server.invoices()).map(({ items: [{ qty }] }) => qty).sort();
const shows = (page, qty) => page.waitForFunction((qty) => Number(window.draft.doc.items[0].qty) === qty, qty, { timeout: 30_000 });

/** Somebody else's change of a document, beside all tills. */
async function office(key, change) {
  const { modified } = await server.invoice(key);
  const response = await fetch(`${server.url}/api/resource/Sales%20Invoice/${key}`, {
    method: "PUT", headers: { authorization: "token till-2:secret", "content-type": "application/json" }, body: JSON.stringify({ modified, ...change }),
  });
  assert.ok(response.ok, await response.text());
}

test("list, park, export, import, retry and flush of a page that follows are those of the page that sends", async (t) => {
  await server.reset();
  const [first, second] = await pages(t, "anna");
  await server.fail("503=0", "POST /api/resource", 0);
  await server.fail("503=0", "GET /api/resource", 0);
  const [one, two] = [
    await first.evaluate(async () => { const sale = await window.sale(1); await sale.save(); return sale.key; }),
    await second.evaluate(async () => { const sale = await window.sale(2); await sale.save(); return sale.key; }),
  ];
  const listed = await list(second);
  assert.deepEqual(listed.map(({ key }) => key), [one, two]);
  assert.deepEqual((await list(first)).map(({ key, editedAt }) => [key, editedAt]), listed.map(({ key, editedAt }) => [key, editedAt]));
  await second.waitForFunction(() => window.told.waiting === 2);

  await second.evaluate((key) => window.till.outbox.park(key), one);
  for (const page of [first, second]) assert.equal((await list(page))[0].status, "parked");
  await first.waitForFunction(() => window.draft.status === "parked");

  const text = await second.evaluate(() => window.till.outbox.export());
  assert.deepEqual(JSON.parse(text).drafts.map(({ id }) => id), [one, two]);
  assert.equal(await second.evaluate((text) => window.till.outbox.import(text), text), 0, "they are all here");
  const [there, followed] = await pages(t, "ben");
  assert.equal(await followed.evaluate((text) => window.till.outbox.import(text), text), 2);
  assert.deepEqual((await list(there)).map(({ key }) => key), [one, two]);

  const refused = await second.evaluate(async () => [
    await window.refused(window.till.outbox.retry("nothing")),
    await window.refused(window.till.outbox.park("nothing")),
    await window.refused(window.till.outbox.import("nothing")),
    await window.refused(window.till.outbox.retry(1)),
    await window.refused(window.till.createFromLeftover({ key: "nothing" })),
  ]);
  const codes = ["not-found", "not-found", "not-an-export", "invalid-argument", "no-leftover"];
  assert.deepEqual(refused, codes.map((code) => `RestampError ${code}`));

  await server.heal();
  const flushed = await second.evaluate(async () => {
    const outcomes = await window.till.outbox.flush();
    return outcomes.map(({ kind, doc }) => [kind, doc === window.draft.doc, Object.isFrozen(doc.items[0])]);
  });
  assert.deepEqual(flushed, [["committed", true, true]]);
  const retried = await second.evaluate(async (key) => {
    const { kind, doc } = await window.till.outbox.retry(key);
    return [kind, Number(doc.items[0].qty), Object.isFrozen(doc.items[0])];
  }, one);
  assert.deepEqual(retried, ["committed", 1, true], "a draft that is not open here");
  for (const page of [first, second]) assert.deepEqual(await list(page), []);
  assert.deepEqual(second.sent, [], "the page that follows sends nothing itself");
  await followed.evaluate(async () => { await window.till.outbox.flush(); });
  assert.deepEqual(await quantities(), [1, 2]);
});

test("a page that follows makes one sale of what is left over, and hands on the server's word", async (t) => {
  await server.reset();
  const { name: key } = await server.insert({ customer: "Walk-in", items: [{ item_code: "TEA", qty: 1, posa_row_id: "r1" }] });
  const [first, second] = await pages(t, "cora");
  const open = (page) => page.evaluate(async (key) => { window.draft = await window.till.open(key); }, key);
  await open(first);
  await open(second);
  const { items } = await server.invoice(key);
  await office(key, { items: [{ ...items[0], qty: 5 }] });
  await second.evaluate((key) => window.till.changed(key), key);
  await shows(first, 5);
  await shows(second, 5);

  await office(key, { docstatus: 1 });
  const made = await second.evaluate(async () => {
    window.draft.increment("items[r1].qty", "2");
    const outcome = await window.draft.save();
    const [one, two] = [await window.till.createFromLeftover(outcome), await window.till.createFromLeftover(outcome)];
    window.draft = one;
    return { kind: outcome.kind, outcome: { key: outcome.key }, keys: [one.key, two.key], qty: Number(one.doc.items[0].qty) };
  });
  assert.deepEqual([made.kind, made.qty], ["terminal", 2]);
  assert.equal(made.keys[0], made.keys[1]);
  assert.equal(await first.evaluate(async (outcome) => (await window.till.createFromLeftover(outcome)).key, made.outcome), made.keys[0]);
  assert.equal(await second.evaluate(async () => (await window.draft.save()).kind), "committed");
  assert.deepEqual([await quantities(), second.sent], [[2, 5], []]);
});

test("that the server is lost and back, and what became of a queued sale, every page hears", async (t) => {
  await server.reset();
  const [first, second] = await pages(t, "dora");
  await server.fail("503=0", "POST /api/resource", 0);
  await server.fail("503=0", "GET /api/resource", 0);
  assert.equal(await second.evaluate(async () => (await (await window.sale(3)).save()).kind), "queued");
  for (let n = 0; n < 3; n += 1) await second.evaluate(() => window.till.outbox.flush());
  for (const page of [first, second]) await page.waitForFunction(() => window.told.notices.includes("server-lost"));
  await server.heal();
  for (const page of [first, second]) {
    await page.waitForFunction(() => window.told.notices.includes("server-back"), undefined, { timeout: 60_000 });
    await page.waitForFunction(() => window.told.outcomes.some(({ kind }) => kind === "committed") && window.told.waiting === 0);
  }
  const [outcome] = await second.evaluate(() => window.told.outcomes.map(({ kind, doc }) => [kind, doc === window.draft.doc]));
  assert.deepEqual([outcome, await quantities()], [["committed", true], [3]]);
});

test("the sending page is closed while it is asked: the next one answers", async (t) => {
  await server.reset();
  const [first, second] = await pages(t, "emil");
  await server.fail("503=0", "POST /api/resource", 0);
  await server.fail("503=0", "GET /api/resource", 0);
  assert.equal(await second.evaluate(async () => (await (await window.sale(4)).save()).kind), "queued");
  await server.heal();
  await server.fail("delay-after=1000", "POST /api/resource");
  const flushed = second.evaluate(async () => (await window.till.outbox.flush()).map(({ kind }) => kind));
  await second.waitForTimeout(300);
  await first.close();
  assert.deepEqual(await flushed, ["committed"]);
  assert.deepEqual([await list(second), await quantities()], [[], [4]]);
});
