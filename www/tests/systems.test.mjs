// The pages of the five systems: each scene runs to its end, as the original did and with
// Restamp, and what the page shows is what the server holds.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { openDemo, picture, startServer } from "./lab.mjs";

let server;
before(async () => { server = await startServer(); });

const scenes = ["lease", "optimistic", "layers", "numbers", "wallets"];
const find = async (collection, run) => (await fetch(`${server}/rest/${collection}?run=${run}`)).json();

/** Runs a scene; what the page says of it by name, and the run's name. */
async function play(t, scene, { mode = "ours", tills, faults = false, name = mode } = {}) {
  const page = await openDemo(t, server, { query: `systems/${scene}.html` });
  await page.check(`#mode-${mode}`);
  if (tills) await page.locator("#tills").fill(String(tills));
  if (faults) await page.check("#faults");
  await page.click("#start");
  await page.waitForSelector("body[data-state=done], body[data-state=failed]", { timeout: 120_000 });
  await picture(page, `systems-${scene}-${name}`);
  const verdict = await page.textContent("#verdict");
  assert.equal(await page.getAttribute("body", "data-state"), "done", verdict);
  const facts = Object.fromEntries(await page.locator("#facts [data-fact]").evaluateAll((nodes) =>
    nodes.map((node) => [node.dataset.fact, node.querySelector("dd").textContent])));
  const { id, counts } = await page.evaluate(() => ({ id: window.demo.run.id, counts: window.demo.run.counts }));
  return { page, verdict, facts, run: id, counts };
}

const good = /every check holds/;
const kinds = [["", {}], [", with a bad network and server", { faults: true, name: "faults" }]];

for (const [words, how] of kinds) {
  test(`leases: every row is kept, also that of a till that fell asleep${words}`, async (t) => {
    const { verdict, facts, counts, run } = await play(t, "lease", how);
    assert.match(verdict, good);
    assert.equal(facts.saved, "20");
    assert.ok(counts.grants >= 20, JSON.stringify(counts));
    assert.ok(counts.fenced >= 1, "the late save was refused by its fence");
    const [bill] = await find("bills", run);
    assert.equal(new Set(bill.lines.map(({ line }) => line)).size, 20);
  });

  test(`no locks: conflicts are merged, nothing is lost or asked${words}`, async (t) => {
    const { verdict, facts, counts, run } = await play(t, "optimistic", how);
    assert.match(verdict, good);
    assert.equal(facts.saved, "30");
    assert.ok(counts.conflicts > 0 && counts.merged > 0, JSON.stringify(counts));
    const [bill] = await find("bills", run);
    assert.equal(new Set(bill.lines.map(({ line }) => line)).size, 30);
  });

  test(`layers: of five that take 100 of 300 three succeed, and two are told the shortage${words}`, async (t) => {
    const { verdict, facts, run } = await play(t, "layers", how);
    assert.match(verdict, good);
    assert.deepEqual([facts.sold, facts.short, facts.lowest], ["3", "2", "0.00"]);
    const layers = await find("layers", run);
    assert.deepEqual(layers.map(({ quantity }) => Number(quantity)), [0, 0, 0, 0, 0, 0]);
  });

  test(`numbers: no gap, none twice, one customer per phone number${words}`, async (t) => {
    const { verdict, facts, run } = await play(t, "numbers", how);
    assert.match(verdict, good);
    const numbers = (await find("numbered", run)).map(({ number }) => number).sort();
    assert.deepEqual(numbers, Array.from({ length: 48 }, (_, index) => `CUST${String(index + 1).padStart(4, "0")}`));
    const phones = (await find("customers", run)).map(({ phone }) => phone);
    assert.equal(new Set(phones).size, phones.length);
    assert.equal(facts.people, String(phones.length));
  });

  test(`wallets: the sum is constant, and every transfer happened once${words}`, async (t) => {
    const { verdict, facts, run } = await play(t, "wallets", how);
    assert.match(verdict, good);
    assert.deepEqual([facts.sum, facts.off], ["800.00", "0"]);
    const cents = (await find("wallets", run)).map(({ balance }) => Math.round(Number(balance) * 100));
    assert.ok(cents.every((balance) => balance >= 0));
    assert.equal(cents.reduce((a, b) => a + b, 0), 80_000);
  });
}

/** What goes wrong by the originals' own rules, whatever the timing. */
const losses = {
  lease: { mode: "original", shows: ({ lost, errors }) => Number(lost) > 0 || Number(errors) > 0 },
  optimistic: { mode: "original", shows: ({ forgotten, lost }) => Number(forgotten) > 0 && lost === "0" },
  layers: { mode: "original", shows: ({ lowest, sold }) => Number(lowest) < 0 && Number(sold) > 3 },
  numbers: { mode: "naive", shows: ({ twice }) => Number(twice) > 0 },
  wallets: { mode: "naive", shows: ({ off, sum }) => Number(off) > 0 && sum !== "800.00" },
};
for (const [scene, { mode, shows }] of Object.entries(losses)) {
  test(`${scene}: the loss of the original is seen`, async (t) => {
    const { verdict, facts } = await play(t, scene, { mode });
    assert.ok(shows(facts), JSON.stringify(facts));
    assert.match(verdict, /^Wrong: /);
  });
}

test("a run can be stopped, and what was done until then holds", async (t) => {
  const page = await openDemo(t, server, { query: "systems/optimistic.html" });
  await page.click("#start");
  await page.waitForFunction(() => window.demo.run?.count("saved") > 1);
  await page.click("#stop");
  await page.waitForSelector("body[data-state=done]", { timeout: 30_000 });
  assert.match(await page.textContent("#verdict"), good);
  assert.ok(Number(await page.textContent("#facts [data-fact=saved] dd")) < 30);
});

test("twenty tills in one page get through", async (t) => {
  const { verdict, facts } = await play(t, "optimistic", { tills: 20, name: "twenty" });
  assert.match(verdict, good);
  assert.equal(facts.saved, "100");
});

for (const colorScheme of ["light", "dark"]) {
  test(`nothing sticks out at 360 pixels, and every control has a name: ${colorScheme}`, async (t) => {
    for (const scene of scenes) {
      const page = await openDemo(t, server, { query: `systems/${scene}.html`, viewport: { width: 360, height: 800 }, colorScheme });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, scene);
      const controls = await page.locator("button, input, select, a").evaluateAll((nodes) =>
        nodes.map((node) => node.textContent || node.labels?.[0]?.textContent || ""));
      assert.ok(controls.length > 10 && controls.every((name) => name.trim() !== ""), scene);
      await picture(page, `systems-${scene}-360-${colorScheme}`);
    }
  });
}

test("the overview leads to all five, and the demo to the overview", async (t) => {
  const page = await openDemo(t, server);
  await page.click("a[href='systems.html']");
  for (const scene of scenes) {
    await page.click(`a[href='systems/${scene}.html']`);
    await page.waitForSelector("body[data-ready] #start");
    await page.click("a[href='../systems.html']");
  }
});
