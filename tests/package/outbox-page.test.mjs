// The outbox in a real browser: offline, killed, started again on the same profile, brought to another user's till.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openBrowser, startCrasher } from "./browser.mjs";
import { project } from "./project.mjs";
import { startBackend } from "./reference.mjs";

const profile = mkdtempSync(join(tmpdir(), "restamp-profile-"));
after(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

const folder = project({
  "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import * as restamp from "/node_modules/restamp/restamp.js";
    window.shop = async (user) => {
      const till = await restamp.openTill({
        backend: restamp.frappe({ url: "", doctype: "Sales Invoice", token: "till-1:secret", timeout: 3000 }),
        profile: restamp.profiles.salesInvoice, till: "T1", user,
      });
      window.states = [];
      till.on("log", ({ event, state }) => { if (event === "breaker") window.states.push(state); });
      return (window.till = till);
    };
    window.sale = (till, n) => till.create({ customer: "Walk-in", items: [{ item_code: "TEA", qty: n, posa_row_id: "r1" }] });
    window.until = async (condition) => {
      for (const end = Date.now() + 20000; Date.now() < end; await new Promise((later) => setTimeout(later, 20))) if (await condition()) return true;
      return false;
    };
    window.ready = true;
  </script>`,
});
const server = await startBackend("--www", folder);

async function ready(page) {
  await page.goto(`${server.url}/index.html`);
  await page.waitForFunction(() => window.ready, undefined, { timeout: 60_000 });
  return page;
}

const quantities = async () => (await server.invoices()).map(({ items: [{ qty }] }) => qty).sort();

test("offline, killed, started while the server is ill, taken to another till: every sale is stored once", async () => {
  await server.reset();
  const first = await startCrasher(profile);
  const page = await ready(await first.page());
  await page.evaluate(async () => {
    await window.shop("anna");
    window.sales = [];
    for (let n = 1; n <= 6; n += 1) window.sales.push(await window.sale(window.till, n));
  });
  await page.context().setOffline(true);
  const offline = await page.evaluate(async () => {
    const { till, sales } = window;
    const outcomes = await Promise.all(sales.map((sale) => sale.save()));
    await till.outbox.park(sales[5].key);
    const text = await till.outbox.export();
    const statuses = (await till.outbox.list()).map(({ status }) => status);
    return { reasons: [...new Set(outcomes.map(({ reason }) => reason))], statuses, text, parked: sales[5].key, states: window.states };
  });
  assert.deepEqual([offline.reasons, offline.states], [["offline"], ["open"]]);
  assert.deepEqual(offline.statuses, ["waiting", "waiting", "waiting", "waiting", "waiting", "parked"]);
  await first.crash();
  assert.deepEqual(await quantities(), []);

  const second = await startCrasher(profile);
  const next = await ready(await second.page());
  await server.fail("503=0", "POST /api/resource", 0);
  await server.fail("503=0", "GET /api/resource", 0);
  const asked = async () => (await server.log()).filter(({ path }) => path.includes("/api/resource/")).length;
  const before = await asked();
  const ill = await next.evaluate(async () => {
    const till = await window.shop("anna");
    await window.until(async () => (await till.outbox.list()).every(({ status }) => status !== "saving"));
    return (await till.outbox.list()).map(({ status }) => status);
  });
  assert.deepEqual(ill, offline.statuses);
  assert.equal((await asked()) - before, 1, "the breaker was remembered: one call asked for all");
  await server.heal();
  const well = await next.evaluate(async () => {
    const kinds = (await window.till.outbox.flush()).map(({ kind }) => kind);
    await window.until(async () => (await window.till.outbox.list()).length === 1);
    return { kinds: [...new Set(kinds)], left: (await window.till.outbox.list()).map(({ status }) => status), state: window.states.at(-1) };
  });
  assert.deepEqual(well, { kinds: ["committed"], left: ["parked"], state: "closed" });
  assert.deepEqual(await quantities(), [1, 2, 3, 4, 5]);

  const moved = await next.evaluate(async ({ text, parked }) => {
    const anna = window.till;
    const ben = await window.shop("ben");
    const count = await ben.outbox.import(text);
    await window.until(async () => (await ben.outbox.list()).length === 1);
    const left = (await ben.outbox.list()).map(({ status }) => status);
    const there = await ben.outbox.retry(parked);
    const here = await anna.outbox.retry(parked);
    return { count, left, there: there.kind, here: here.kind, empty: [await anna.outbox.list(), await ben.outbox.list()] };
  }, offline);
  await second.crash();
  assert.deepEqual(moved, { count: 6, left: ["parked"], there: "committed", here: "committed", empty: [[], []] });
  assert.deepEqual(await quantities(), [1, 2, 3, 4, 5, 6]);
});

test("when the network is back, what waits goes out by itself and the page is told", async () => {
  await server.reset();
  const context = await (await openBrowser()).newContext();
  const page = await ready(await context.newPage());
  await page.evaluate(async () => {
    const till = await window.shop("cora");
    window.told = [];
    till.on("outbox", ({ outcome }) => { if (outcome) window.told.push(outcome.kind); });
    window.sales = await Promise.all([1, 2, 3].map((n) => window.sale(till, n)));
  });
  await context.setOffline(true);
  const queued = await page.evaluate(async () => (await Promise.all(window.sales.map((sale) => sale.save()))).map(({ kind }) => kind));
  await context.setOffline(false);
  const told = await page.evaluate(async () => {
    await window.until(() => window.told.length === 3);
    return window.told;
  });
  await context.close();
  assert.deepEqual([queued, told], [["queued", "queued", "queued"], ["committed", "committed", "committed"]]);
  assert.deepEqual(await quantities(), [1, 2, 3]);
});
