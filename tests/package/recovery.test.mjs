// IndexedDB in a real browser: what a till has called durable is there after the browser was killed.
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
    window.restamp = restamp;
    window.shop = (user, more) => restamp.openTill({
      backend: restamp.frappe({ url: "", doctype: "Sales Invoice", token: "till-1:secret" }),
      profile: restamp.profiles.salesInvoice, till: "T1", user, ...more,
    });
    window.ready = true;
  </script>`,
  "worker.mjs": `
    import { frappe, openTill, profiles } from "/node_modules/restamp/restamp.js";
    onmessage = async ({ data: { key, user } }) => {
      const till = await openTill({ backend: frappe({ url: "", doctype: "Sales Invoice", token: "till-1:secret" }), profile: profiles.salesInvoice, till: "W", user });
      const draft = await till.open(key);
      draft.increment("items[r1].qty", "3");
      await draft.durable();
      postMessage({ status: draft.status, qty: draft.get("items[r1].qty") });
    };
  `,
});
const server = await startBackend("--www", folder);
const cart = { customer: "Walk-in", items: [{ item_code: "TEA", qty: 1, posa_row_id: "r1" }] };

async function ready(page) {
  await page.goto(`${server.url}/index.html`);
  await page.waitForFunction(() => window.ready, undefined, { timeout: 60_000 });
  return page;
}

test("edits that were durable survive a killed browser, and are saved once, with what others did meanwhile", async () => {
  const { name: key } = await server.insert(cart);
  const first = await startCrasher(profile);
  const before = await (await ready(await first.page())).evaluate(async (key) => {
    const till = await window.shop("anna");
    const draft = await till.open(key);
    for (let scan = 0; scan < 25; scan += 1) draft.increment("items[r1].qty", "1");
    draft.insert("items", { item_code: "CAKE", qty: 2, posa_row_id: "r2" });
    const created = await till.create({ customer: "Somchai", items: [{ item_code: "MILK", qty: 1, posa_row_id: "m1" }] });
    await draft.durable();
    return { doc: draft.doc, created: created.key };
  }, key);
  await first.crash();

  const other = await server.invoice(key);
  await fetch(`${server.url}/api/resource/Sales%20Invoice/${key}`, {
    method: "PUT", headers: { authorization: "token till-2:secret", "content-type": "application/json" },
    body: JSON.stringify({ modified: other.modified, items: [{ ...other.items[0], qty: 5 }] }),
  });

  const second = await startCrasher(profile);
  const found = await (await ready(await second.page())).evaluate(async ({ key, created }) => {
    const till = await window.shop("anna");
    const draft = await till.open(key);
    const seen = { doc: draft.doc, status: draft.status };
    const saved = await draft.save();
    const again = await (await till.open(created)).save();
    const stranger = await window.shop("ben");
    return { seen, saved: saved.kind, again: again.kind, stranger: (await stranger.open(key)).status };
  }, { key, created: before.created });
  await second.crash();

  assert.deepEqual(found, { seen: { doc: before.doc, status: "dirty" }, saved: "committed", again: "committed", stranger: "clean" });
  const stored = await server.invoice(key);
  assert.deepEqual(stored.items.map(({ item_code, qty }) => [item_code, qty]), [["TEA", 30], ["CAKE", 2]]);
  assert.equal((await server.invoices()).length, 2);
});

test("a browser killed while a save is in flight: the next one recognises it", async () => {
  const { name: key } = await server.insert(cart);
  const first = await startCrasher(profile);
  const page = await ready(await first.page());
  await server.fail("delay-after=3000", "PUT /api/resource");
  await page.evaluate(async (key) => {
    const draft = await (await window.shop("cut")).open(key);
    draft.increment("items[r1].qty", "4");
    draft.save();
    await new Promise((later) => setTimeout(later, 700));
  }, key);
  await first.crash();
  assert.equal((await server.invoice(key)).items[0].qty, 5, "stored, and nobody was told");

  const second = await startCrasher(profile);
  const saved = await (await ready(await second.page())).evaluate(async (key) => {
    const draft = await (await window.shop("cut")).open(key);
    const { kind } = await draft.save();
    return { kind, status: draft.status, qty: draft.get("items[r1].qty") };
  }, key);
  await second.crash();
  assert.deepEqual(saved, { kind: "committed", status: "clean", qty: 5 });
  assert.equal((await server.invoice(key)).items[0].qty, 5);
});

test("a till works in a worker, and a page finds what it left", async () => {
  const { name: key } = await server.insert(cart);
  const page = await ready(await (await openBrowser()).newPage());
  const seen = await page.evaluate(async (key) => {
    const worker = new Worker("/worker.mjs", { type: "module" });
    const told = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage({ key, user: "worker" });
    });
    worker.terminate();
    const draft = await (await window.shop("worker")).open(key);
    const { kind } = await draft.save();
    return { told, kind, qty: draft.get("items[r1].qty") };
  }, key);
  await page.close();
  assert.deepEqual(seen, { told: { status: "dirty", qty: 4 }, kind: "committed", qty: 4 });
});
