// The browser process is killed in the middle of 200 edits and saves, started again on the same profile, and the till
// goes on: the server's document holds each edit exactly once. Faults are on, and the office changes the document too.
//
//   RESTAMP_KILLS=100 node --test tests/package/kill.test.mjs    as many kill points as told (10)
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startCrasher } from "./browser.mjs";
import { project } from "./project.mjs";
import { startBackend } from "./reference.mjs";

const kills = Number(process.env.RESTAMP_KILLS ?? 10);
const edits = 200;
const others = 20;
const profile = mkdtempSync(join(tmpdir(), "restamp-kill-"));
after(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

const folder = project({
  "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import * as restamp from "/node_modules/restamp/restamp.js";
    const faults = ["lost-answer", "lost-request", "503=0", "502-html", "504-applied", "deadlock", "truncate", "delay=30", "delay-after=30"];
    const unlucky = (url, options) => {
      const headers = new Headers(options.headers);
      if (Math.random() < 0.25) headers.set("x-fault", faults[Math.floor(Math.random() * faults.length)]);
      return fetch(url, { ...options, headers });
    };
    window.open_till = (user) => restamp.openTill({
      backend: restamp.frappe({ url: "", doctype: "Sales Invoice", token: "till-1:secret", fetch: unlucky, timeout: 3000 }),
      profile: restamp.profiles.salesInvoice, till: "T1", user, schedule: { kind: "full-jitter", base: 20, cap: 200, attempts: 8 },
    });
    /** Edit number n: a scan of one of four rows; every tenth is a row of its own. */
    window.edit = (draft, n) => n % 10 === 0
      ? draft.insert("items", { item_code: "CAKE", qty: 1, posa_row_id: "x" + n })
      : draft.increment("items[r" + n % 4 + "].qty", "1");
    window.ready = true;
  </script>`,
});
const server = await startBackend("--www", folder);
const rows = [0, 1, 2, 3].map((n) => ({ item_code: "TEA", qty: 1, posa_row_id: `r${n}` }));

async function open(crasher) {
  const page = await crasher.page();
  await page.goto(`${server.url}/index.html`);
  await page.waitForFunction(() => window.ready, undefined, { timeout: 60_000 });
  return page;
}

/** How many of the edits 1 to n each row has, as text, and what else there is. */
function expected(n) {
  const held = new Map(rows.map((row) => [row.posa_row_id, 1]));
  for (let edit = 1; edit <= n; edit += 1) {
    const id = edit % 10 === 0 ? `x${edit}` : `r${edit % 4}`;
    held.set(id, (held.get(id) ?? 0) + 1);
  }
  return held;
}

function heldBy(doc) {
  const own = doc.items.filter((row) => row.posa_row_id !== "other");
  assert.equal(new Set(own.map((row) => row.posa_row_id)).size, own.length, "no row twice");
  return new Map(own.map((row) => [row.posa_row_id, Number(row.qty)]));
}

/** The number of edits that a document shows, which are the first ones, each once. */
function shown(doc, from, to) {
  const held = JSON.stringify([...heldBy(doc)].sort());
  for (let n = from; n <= to; n += 1) {
    if (JSON.stringify([...expected(n)].sort()) === held) return n;
  }
  return assert.fail(`the document is none of those after ${from} to ${to} edits: ${held}`);
}

/** The office counts a row of its own up, meanwhile, with the server's own form: it leaves the token of the last save alone. */
async function interfere(key) {
  const headers = { authorization: "token till-2:secret", "content-type": "application/json" };
  for (let done = 0; done < others; ) {
    const { modified, items } = await server.invoice(key);
    const counted = items.map((row) => (row.posa_row_id === "other" ? { ...row, qty: row.qty + 1 } : row));
    const body = JSON.stringify({ modified, items: counted });
    const { ok } = await fetch(`${server.url}/api/resource/Sales%20Invoice/${key}`, { method: "PUT", headers, body });
    done += Number(ok);
    await new Promise((later) => setTimeout(later, ok ? 100 : 5));
  }
}

for (let kill = 0; kill < kills; kill += 1) {
  const point = Math.floor(((kill + 0.5) * edits) / kills);
  test(`killed at edit ${point} of ${edits}`, async () => {
    const { name: key } = await server.insert({ customer: "Walk-in", items: [...rows, { item_code: "MILK", qty: 1, posa_row_id: "other" }] });
    const interference = interfere(key);
    const first = await startCrasher(profile);
    const page = await open(first);
    const progress = { made: 0, durable: 0, created: null };
    let reached;
    const here = new Promise((at) => { reached = at; });
    await page.exposeFunction("tell", (told) => {
      Object.assign(progress, told);
      if (progress.made >= point) reached();
    });
    await page.evaluate(({ key, kill, edits }) => {
      (async () => {
        const till = await window.open_till(`kill ${kill}`);
        const draft = await till.open(key);
        const created = await till.create({ customer: "Somchai", items: [{ item_code: "TEA", qty: 1, posa_row_id: "m" }] });
        window.tell({ created: created.key });
        for (let n = 1; n <= edits; n += 1) {
          window.tell({ made: n });
          window.edit(draft, n);
          draft.durable().then(() => window.tell({ durable: n }));
          if (n % 3 === 0) draft.save();
          if (n === Math.floor(edits / 2)) created.save();
          if (n % 5 === 0) await draft.durable();
          if (n % 7 === 0) await new Promise((later) => setTimeout(later, Math.random() * 30));
        }
      })();
    }, { key, kill, edits });
    await here;
    await new Promise((later) => setTimeout(later, Math.random() * 40));
    await first.crash();
    // What the page said in its last moments may not have arrived: it has done this much, or more.
    const { durable, created } = { ...progress };

    const second = await startCrasher(profile);
    const again = await open(second);
    await again.evaluate(async ({ key, kill }) => {
      window.till = await window.open_till(`kill ${kill}`);
      window.draft = await window.till.open(key);
    }, { key, kill });
    const found = await again.evaluate(() => window.draft.doc);
    const kept = shown(found, durable, edits);
    const outcome = await again.evaluate(async ({ kept, edits, created, key }) => {
      const all = async (draft) => {
        for (let tries = 0; tries < 50; tries += 1) {
          const outcome = await draft.save();
          if (outcome.kind !== "queued") return outcome;
          await new Promise((later) => setTimeout(later, 50));
        }
      };
      for (let n = kept + 1; n <= edits; n += 1) {
        window.edit(window.draft, n);
        if (n % 10 === 0) await window.draft.save();
      }
      const saved = await all(window.draft);
      // What was committed before the browser was killed is no draft any more; then the server has it under its own name.
      const other = created && await window.till.open(created).catch((error) => ({ save: () => ({ kind: error.code }) }));
      return { saved: saved?.kind, asked: window.draft.conflicts, created: other && (await all(other))?.kind, status: window.draft.status };
    }, { kept, edits, created, key });
    await second.crash();
    await interference;

    assert.deepEqual([outcome.saved, outcome.status], ["committed", "clean"], JSON.stringify(outcome));
    const stored = await server.invoice(key);
    assert.equal(shown(stored, edits, edits), edits);
    assert.equal(stored.items.find((row) => row.posa_row_id === "other").qty, 1 + others, "the office's");
    const sales = (await server.invoices()).filter(({ items }) => items.some((row) => row.posa_row_id === "m"));
    assert.equal(sales.length, 1, `the new sale exists once (${created}: ${outcome.created})`);
    await server.reset();
  });
}
