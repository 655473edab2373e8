// The demo in a real browser against the reference server: what a visitor does, and what the
// server holds afterwards.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { expectation, plan, shared, tills } from "../demo/race.mjs";
import {
  billOf, countBills, eventsOf, fetchBill, inOrder, openDemo, picture, quantityOf, ready, startServer, waitForStatus,
} from "./lab.mjs";

let server;
before(async () => { server = await startServer(); });

const scan = (page, till, code) => page.click(`#${till} .item[data-code=${code}]`);
const save = (page, till) => page.click(`#${till} .save`);
const network = (page, till, mode) => page.click(`#${till} .mode[data-mode=${mode}]`);
const typeQuantity = async (page, till, code, quantity) => {
  const input = page.locator(`#${till} .row[data-code=${code}] .quantity`).first();
  await input.fill(quantity);
  await input.press("Enter");
};

test("50 edits on each till at the same time are on the server exactly once, and nobody is asked", async (t) => {
  const page = await openDemo(t, server);
  await page.click("#race");
  await page.waitForSelector(".result .verdict", { timeout: 60_000 });
  const bill = await fetchBill(server, await billOf(page));

  for (const till of tills) assert.equal(plan(till).length, 50);
  const { quantities, tags } = expectation();
  for (const code of shared) {
    const rows = bill.items.filter((row) => row.item_code === code);
    assert.deepEqual(rows.map((row) => BigInt(row.qty)), [quantities[code]], code);
  }
  const own = bill.items.filter((row) => row.posa_notes);
  assert.deepEqual(own.map((row) => row.posa_notes).sort(), [...tags].sort());
  assert.ok(own.every((row) => row.qty === 1));
  assert.equal(bill.items.length, shared.length + tags.size, "no row is left over");

  const race = await page.evaluate(() => window.demo.scenarios.lastRace);
  assert.equal(race.asked, 0);
  assert.ok(race.stale > 0, "the tills did get in each other's way");
  assert.ok(await page.isVisible(".verdict.good"));
  await picture(page, "race");
});

test("both at once: one save is stale, reloaded, merged, sent again and committed", async (t) => {
  const page = await openDemo(t, server);
  const start = await page.evaluate(() => window.demo.timeline.events.length);
  await page.click("#both_at_once");
  await page.waitForFunction((from) => {
    const committed = window.demo.timeline.events.slice(from).filter((event) => event.event === "committed");
    return new Set(committed.map((event) => event.till)).size === 2;
  }, start);
  const story = ["save-sent", "stale", "load-sent", "loaded", "merged", "save-sent", "committed"];
  const stories = await Promise.all(tills.map((till) => eventsOf(page, till, start)));
  assert.equal(stories.filter((events) => inOrder(events, story)).length, 1, JSON.stringify(stories));
  for (const mark of [".cross.stale", ".diamond.merged", ".dot.committed"]) assert.ok(await page.locator(`.timeline svg ${mark}`).count() > 0, mark);

  const bill = await fetchBill(server, await billOf(page));
  assert.equal(quantityOf(bill, "COFFEE"), 2);
  assert.equal(quantityOf(bill, "CAKE"), 1);
  await picture(page, "both-at-once");
});

test("a lost answer to a save: it is recognised and not repeated", async (t) => {
  const page = await openDemo(t, server);
  await page.click("#till-1 .lose");
  await scan(page, "till-1", "COFFEE");
  await save(page, "till-1");
  await page.waitForFunction(() => window.demo.stations[0].outcome?.echoed === true);
  const bill = await fetchBill(server, await billOf(page));
  assert.equal(quantityOf(bill, "COFFEE"), 2);
  const events = await eventsOf(page, "till-1");
  assert.ok(inOrder(events, ["save-sent", "in-doubt", "load-sent", "echoed", "committed"]), events.join());
  await picture(page, "lost-answer");
});

test("a lost answer to a create: the bill exists once", async (t) => {
  const page = await openDemo(t, server);
  const [before, first] = [await countBills(server), await billOf(page)];
  await page.click("#till-1 .lose");
  await page.click("#new_bill");
  await page.waitForFunction((key) => document.getElementById("bill").textContent.startsWith("ACC") && document.getElementById("bill").textContent !== key
    && window.demo.stations.every((station) => station.status === "clean"), first);
  assert.equal(await countBills(server), before + 1);
  assert.ok((await eventsOf(page, "till-1")).includes("in-doubt"));
  const bill = await fetchBill(server, await billOf(page));
  assert.equal(quantityOf(bill, "COFFEE"), 1);
});

test("offline: what was saved waits, and is sent when the network is back", async (t) => {
  const page = await openDemo(t, server);
  await network(page, "till-1", "offline");
  await scan(page, "till-1", "BURGER");
  await save(page, "till-1");
  await page.waitForFunction(() => window.demo.stations[0].outcome?.kind === "queued");
  assert.equal(quantityOf(await fetchBill(server, await billOf(page)), "BURGER"), 0);
  await picture(page, "offline");
  await network(page, "till-1", "normal");
  await waitForStatus(page, "till-1", "clean");
  assert.equal(quantityOf(await fetchBill(server, await billOf(page)), "BURGER"), 1);
  await page.waitForFunction(() => window.demo.stations[0].outcome.kind === "committed");
});

test("a busy server is asked again, after the time that it names", async (t) => {
  const page = await openDemo(t, server);
  await network(page, "till-2", "busy");
  await scan(page, "till-2", "TEA");
  await save(page, "till-2");
  await waitForStatus(page, "till-2", "waiting");
  await network(page, "till-2", "normal");
  await waitForStatus(page, "till-2", "clean");
  assert.ok(inOrder(await eventsOf(page, "till-2"), ["save-sent", "waiting", "save-sent", "committed"]));
  assert.equal(quantityOf(await fetchBill(server, await billOf(page)), "TEA"), 2);
});

test("two typed quantities: one question on a strip, one tap, committed", async (t) => {
  const page = await openDemo(t, server);
  await typeQuantity(page, "till-1", "COFFEE", "5");
  await typeQuantity(page, "till-2", "COFFEE", "7");
  await save(page, "till-1");
  await waitForStatus(page, "till-1", "clean");
  await save(page, "till-2");
  await page.waitForSelector("#till-2 .strip .big[data-take=mine]");
  const sizes = await page.locator("#till-2 .strip button").evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect().height));
  assert.ok(sizes.every((height) => height >= 48), sizes.join());
  await picture(page, "question");

  await page.click("#till-2 .strip .big[data-take=mine]");
  await waitForStatus(page, "till-2", "clean");
  assert.equal(await page.isVisible("#till-2 .strip"), false);
  assert.equal(quantityOf(await fetchBill(server, await billOf(page)), "COFFEE"), 7);
});

/** What both tills do to one bill, what till 2 answers, and what the server then holds. */
const questions = {
  "two customers": {
    edit: ([one, two]) => { one.set("customer", "Somchai"); two.set("customer", "Table 7"); },
    take: "mine", asks: /Table 7.*Somchai/, held: (bill) => bill.customer, is: "Table 7",
  },
  "two discounts": {
    edit: ([one, two]) => { one.set("additional_discount_percentage", "5"); two.set("additional_discount_percentage", "10"); },
    take: "theirs", asks: /10 %.*5 %/, held: (bill) => bill.additional_discount_percentage, is: 5,
  },
  "a row removed here and changed there": {
    edit: ([one, two]) => { one.step(one.items[0].posa_row_id, "2"); two.remove(two.items[0].posa_row_id); },
    take: "theirs", asks: /Keep it/, held: (bill) => quantityOf(bill, "COFFEE"), is: 3,
  },
  "a bill paid on both tills": {
    edit: ([one, two]) => { one.pay("Cash"); two.pay("Card"); },
    take: "theirs", asks: /12\.00.*6\.00/, held: (bill) => bill.paid_amount, is: 6,
  },
};

for (const [name, { edit, take, asks, held, is }] of Object.entries(questions)) {
  test(`${name}: asked in words, settled by one tap`, async (t) => {
    const page = await openDemo(t, server);
    await page.evaluate(`(${edit})(window.demo.stations)`);
    await save(page, "till-1");
    await waitForStatus(page, "till-1", "clean");
    await save(page, "till-2");
    await page.waitForSelector("#till-2 .strip .strip-text");
    assert.match(await page.textContent("#till-2 .strip-text"), asks);
    await page.click(`#till-2 .strip .big[data-take=${take}]`);
    await waitForStatus(page, "till-2", "clean");
    assert.equal(held(await fetchBill(server, await billOf(page))), is);
  });
}

test("work goes on while a question is open, and a scanner's Enter does not answer it", async (t) => {
  const page = await openDemo(t, server);
  await typeQuantity(page, "till-1", "TEA", "5");
  await typeQuantity(page, "till-2", "TEA", "7");
  await save(page, "till-1");
  await waitForStatus(page, "till-1", "clean");
  await save(page, "till-2");
  await page.focus("#till-2 .strip .big[data-take=mine]");
  await page.keyboard.type("4006381333931");
  await page.keyboard.press("Enter");
  assert.ok(await page.isVisible("#till-2 .strip"));

  await scan(page, "till-2", "FRIES");
  await page.click("#till-2 .strip .big[data-take=theirs]");
  await waitForStatus(page, "till-2", "clean");
  const bill = await fetchBill(server, await billOf(page));
  assert.equal(quantityOf(bill, "TEA"), 5);
  assert.equal(quantityOf(bill, "FRIES"), 1);
});

test("a bill submitted by one till leaves the other its new items, for another bill", async (t) => {
  const page = await openDemo(t, server);
  await scan(page, "till-2", "FRIES");
  await page.click("#till-1 .submit");
  await waitForStatus(page, "till-1", "closed");
  const closed = await billOf(page);
  await save(page, "till-2");
  await page.waitForSelector("#till-2 .strip .leftover");
  assert.match(await page.textContent("#till-2 .leftover"), /Fries × .?1/);
  const bill = await fetchBill(server, closed);
  assert.equal(bill.docstatus, 1);
  assert.equal(quantityOf(bill, "FRIES"), 0);
  await picture(page, "closed-elsewhere");

  await page.click("#till-2 .strip .big[data-take=new]");
  await page.waitForFunction((key) => document.getElementById("bill").textContent.startsWith("ACC") && document.getElementById("bill").textContent !== key
    && window.demo.stations.every((station) => station.status === "clean"), closed);
  const next = await fetchBill(server, await billOf(page));
  assert.deepEqual(next.items.map((row) => [row.item_code, row.qty]), [["FRIES", 1]]);
});

test("a total that grew meanwhile is not submitted unseen", async (t) => {
  const page = await openDemo(t, server);
  await scan(page, "till-1", "BURGER");
  await save(page, "till-1");
  await waitForStatus(page, "till-1", "clean");
  await page.click("#till-2 .submit");
  await waitForStatus(page, "till-2", "conflict");
  const key = await billOf(page);
  assert.equal((await fetchBill(server, key)).docstatus, 0);
  await page.click("#till-2 .strip .big[data-take=theirs]");
  await waitForStatus(page, "till-2", "closed");
  const bill = await fetchBill(server, key);
  assert.equal(bill.docstatus, 1);
  assert.equal(bill.paid_amount, bill.grand_total);
});

test("a bill that was never answered survives a reload and exists once", async (t) => {
  const page = await openDemo(t, server);
  const before = await countBills(server);
  await network(page, "till-1", "offline");
  await page.click("#new_bill");
  await page.waitForFunction(() => window.demo.stations[0].outcome?.kind === "queued");
  await page.reload();
  await ready(page);
  assert.equal(await countBills(server), before + 1);
  assert.equal((await fetchBill(server, await billOf(page))).items.length, 2);
  for (const till of tills) await waitForStatus(page, till, "clean");
});

test("a reload in the middle of an edit keeps the edit", async (t) => {
  const page = await openDemo(t, server);
  await scan(page, "till-1", "CAKE");
  await scan(page, "till-1", "COFFEE");
  await page.evaluate(() => window.demo.stations[0].draft.durable());
  await page.reload();
  await ready(page);
  await waitForStatus(page, "till-1", "dirty");
  await scan(page, "till-1", "COFFEE");
  await save(page, "till-1");
  await waitForStatus(page, "till-1", "clean");
  const bill = await fetchBill(server, await billOf(page));
  assert.equal(quantityOf(bill, "CAKE"), 1);
  assert.equal(quantityOf(bill, "COFFEE"), 3);
});
