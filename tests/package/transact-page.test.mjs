// In a browser: two tabs take numbers of one block, and a tab that goes gives its leases back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { project } from "./project.mjs";
import { startBackend } from "./reference.mjs";

const folder = project({
  "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import * as restamp from "/node_modules/restamp/restamp.js";
    window.shop = async (path) => {
      const backend = restamp.rest({ url: "", path, offers: "all" });
      window.till = await restamp.openTill({ backend, profile: restamp.profiles.plain, till: "T1", user: path });
    };
    window.save = async (path, key, balance) => {
      const backend = restamp.rest({ url: "", path, offers: "all" });
      window.till = await restamp.openTill({ backend, profile: restamp.profiles.plain, till: "T1", user: "leases", store: "memory", strategy: "pessimistic", changes: false });
      window.draft = await window.till.open(key);
      window.draft.set("balance", balance);
      return window.draft.save();
    };
    window.take = (count) => Promise.all(Array.from({ length: count }, () => window.till.sequence("c", { format: "C-####", reserve: 20 })));
    window.ready = true;
  </script>`,
});
const server = await startBackend("--www", folder);

async function pages(t, path, count) {
  await server.reset();
  const context = await (await openBrowser()).newContext();
  t.after(() => context.close());
  const all = [];
  for (let n = 0; n < count; n++) {
    const page = await context.newPage();
    await page.goto(`${server.url}/index.html`);
    await page.waitForFunction(() => window.ready, undefined, { timeout: 60_000 });
    await page.evaluate((path) => window.shop(path), path);
    all.push(page);
  }
  return all;
}
/** Waits for it, and not for ever. */
async function until(holds) {
  for (const end = Date.now() + 60_000; !await holds(); ) {
    assert.ok(Date.now() < end, String(holds));
    await new Promise((later) => setTimeout(later, 20));
  }
}
const take = (page, count) => page.evaluate((count) => window.take(count), count);

test("two tabs take from one block, also when the one that leads is closed; none is given out twice", async (t) => {
  const [first, second] = await pages(t, "/rest/customers", 2);
  const numbers = (await Promise.all([take(first, 7), take(second, 7)])).flat();
  await first.close();
  numbers.push(...await take(second, 7));
  assert.equal(new Set(numbers).size, 21, numbers.join());
  assert.deepEqual([...numbers].sort().slice(0, 14), Array.from({ length: 14 }, (_, n) => `C-${String(n + 1).padStart(4, "0")}`));
});

test("any tab transacts by itself; one that goes while it holds a lease gives it back", async (t) => {
  const [first, second] = await pages(t, "/rest/wallets", 2);
  const { id: from } = await server.post({ balance: "10" }, "wallets");
  const { id: to } = await server.post({ balance: "0" }, "wallets");
  const move = (page) => page.evaluate(([from, to]) => window.till.transfer(from, to, "1", { strategy: "pessimistic" }), [from, to]);
  assert.equal((await move(second)).kind, "committed");
  await server.fail("503=0", "POST /rest/wallets/_commit", 0);
  await second.evaluate(([from, to]) => { void window.till.transfer(from, to, "1", { strategy: "pessimistic" }); }, [from, to]);
  const log = async (what) => (await server.log()).filter(({ method, path }) => `${method} ${path}`.includes(what)).length;
  await until(async () => await log("_commit") >= 2);
  const before = await log("_release");
  await second.goto("about:blank");
  await until(async () => await log("_release") > before);
  await server.heal();
  assert.equal((await move(first)).attempts, 1);
});

test("a page that goes while a draft's save is under way gives the draft's lease back", async (t) => {
  const [first, second] = await pages(t, "/rest/wallets", 2);
  const { id } = await server.post({ balance: "10" }, "wallets");
  const save = (page, balance) => page.evaluate(([id, balance]) => window.save("/rest/wallets", id, balance), [id, balance]);
  const log = async (method) => (await server.log()).filter((line) => line.method === method && line.path.endsWith("_lease"));
  await server.fail("delay=60000", "PUT /rest/wallets");
  await second.evaluate((id) => { void window.save("/rest/wallets", id, "9"); }, id);
  await until(async () => (await log("POST")).length > 0);
  await second.waitForFunction(() => window.draft.status === "saving");
  assert.equal((await log("DELETE")).length, 0);
  await second.goto("about:blank");
  await until(async () => (await log("DELETE")).length > 0);
  assert.equal((await save(first, "8")).kind, "committed");
  assert.deepEqual((await log("POST")).map(({ status }) => status), [200, 200], "nobody had to wait");
  assert.equal((await (await fetch(`${server.url}/rest/wallets/${id}`)).json()).balance, "8");
});
