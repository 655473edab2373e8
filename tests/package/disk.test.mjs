// A real browser whose disk is full, and whose network is away for a while, against the reference backend.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
// Of the file system the browser's quota keeps nothing back here: in this project no file grows above as much.
const worker = join(folder, "node_modules/restamp/opfs-worker.js");
writeFileSync(worker, `const { write } = FileSystemSyncAccessHandle.prototype;
  FileSystemSyncAccessHandle.prototype.write = function (bytes, { at }) {
    if (at + bytes.byteLength > 250_000) throw new DOMException("full", "QuotaExceededError");
    return write.call(this, bytes, { at });
  };
  ${readFileSync(worker, "utf8")}`);
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

for (const store of ["indexeddb", "opfs"]) {
  test(`${store}: what was saved while the disk was full is asked about after a crash, and not counted twice`, async (t) => {
    const { name: key } = await cart();
    const page = await tab(t);
    const session = await page.context().newCDPSession(page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: server.url, quotaSize: 250_000 });
    const saved = await page.evaluate(async ({ key, store }) => {
      await window.open_till("saved", { store });
      window.draft = await window.till.open(key);
      window.draft.increment("items[r1].qty", "1");
      await window.draft.durable();
      let refused;
      for (let n = 0; n < 20 && !refused; n += 1) {
        window.draft.set("remarks", "x".repeat(300_000) + n);
        refused = await window.draft.durable().catch(({ code }) => code);
      }
      return [refused, (await window.draft.save()).kind, window.draft.status];
    }, { key, store });
    assert.deepEqual(saved, ["storage", "committed", "clean"]);
    assert.equal((await server.invoice(key)).items[0].qty, 2);
    await load(page); // crashed, and the disk is full still
    const again = await page.evaluate(async ({ key, store }) => {
      await window.open_till("saved", { store });
      const draft = await window.till.open(key);
      const { kind, conflicts } = await draft.save();
      const asked = conflicts?.map(({ path, reason }) => `${path} ${reason}`);
      draft.resolve("items[r1].qty", "theirs");
      return [kind, asked, (await draft.save()).kind];
    }, { key, store });
    assert.deepEqual(again, ["conflict", ["items[r1].qty answer-lost"], "committed"]);
    assert.equal((await server.invoice(key)).items[0].qty, 2);
  });
}

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
