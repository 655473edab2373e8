// A real browser whose disk is full, and whose network is away for a while, against the reference backend.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { project } from "./project.mjs";
import { startBackend } from "./reference.mjs";

const folder = project({
  "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import * as restamp from "/node_modules/restamp/restamp.js";
    window.open_till = async (user, more) => {
      window.till = await restamp.openTill({
        backend: restamp.frappe({ url: "", doctype: "Sales Invoice", token: "till-1:secret" }),
        profile: restamp.profiles.salesInvoice, till: "T1", user, ...more,
      });
      window.notices = [];
      window.till.on("notice", ({ kind }) => window.notices.push(kind));
    };
    window.ready = true;
  </script>`,
});
const server = await startBackend("--www", folder);
const cart = () => server.insert({ customer: "Walk-in", items: [{ item_code: "TEA", qty: 1, posa_row_id: "r1" }] });

async function tab(t) {
  const made = await (await openBrowser()).newContext();
  t.after(() => made.close());
  const page = await made.newPage();
  await load(page);
  return page;
}

async function load(page) {
  await page.goto(`${server.url}/index.html`);
  await page.waitForFunction(() => window.ready, undefined, { timeout: 60_000 });
}

test("a full disk is told once; the till sells on; nothing that was durable is lost, and later edits go to the disk when it has room", async (t) => {
  const { name: key } = await cart();
  const page = await tab(t);
  const session = await page.context().newCDPSession(page);
  const quota = (bytes) => session.send("Storage.overrideQuotaForOrigin", { origin: server.url, ...(bytes && { quotaSize: bytes }) });
  await quota(250_000);
  await page.evaluate(async (key) => {
    await window.open_till("full");
    window.draft = await window.till.open(key);
    window.draft.increment("items[r1].qty", "1");
    await window.draft.durable();
  }, key);
  const full = await page.evaluate(async () => {
    const notes = "x".repeat(300_000);
    let refused;
    for (let n = 0; n < 20 && !refused; n += 1) {
      window.draft.set("remarks", notes + n);
      window.draft.increment("items[r1].qty", "1");
      refused = await window.draft.durable().catch(({ code }) => code);
    }
    const { kind } = await window.draft.save();
    window.draft.increment("items[r1].qty", "1000");
    await window.draft.durable().catch(() => {});
    return { refused, kind, status: window.draft.status, notices: window.notices.filter((kind) => kind === "storage") };
  });
  assert.deepEqual(full, { refused: "storage", kind: "committed", status: "dirty", notices: ["storage"] });
  await quota();
  const { qty, durable } = await page.evaluate(async () => {
    window.draft.increment("items[r1].qty", "5000");
    const durable = await window.draft.durable().then(() => "on disk", ({ code }) => code);
    return { durable, qty: Number(window.draft.get("items[r1].qty")) };
  });
  assert.equal(durable, "on disk");
  await load(page); // crashed
  const again = await page.evaluate(async (key) => {
    await window.open_till("full");
    const draft = await window.till.open(key);
    return [Number(draft.get("items[r1].qty")), (await draft.save()).kind];
  }, key);
  assert.deepEqual(again, [qty, "committed"]);
  assert.equal((await server.invoice(key)).items[0].qty, qty);
});

test("offline for a while: the till sells on, and what was saved goes out by itself, once", async (t) => {
  const { name: key } = await cart();
  const page = await tab(t);
  await page.evaluate(async (key) => {
    await window.open_till("offline");
    window.draft = await window.till.open(key);
  }, key);
  await page.context().setOffline(true);
  const away = await page.evaluate(async () => {
    window.draft.increment("items[r1].qty", "2");
    const saved = await window.draft.save();
    window.sale = await window.till.create({ customer: "Somchai", items: [{ item_code: "TEA", qty: 1, posa_row_id: "m" }] });
    const sold = await window.sale.save();
    window.draft.increment("items[r1].qty", "3");
    const more = await window.draft.save();
    return [saved, sold, more].map(({ kind, reason }) => `${kind} ${reason}`);
  });
  assert.deepEqual(away, Array(3).fill("queued offline"));
  const sales = (await server.invoices()).length;
  await page.context().setOffline(false);
  await page.waitForFunction(() => window.draft.status === "clean" && window.sale.status === "clean", undefined, { timeout: 60_000 });
  assert.equal((await server.invoice(key)).items[0].qty, 6);
  assert.equal((await server.invoices()).length, sales + 1);
});
