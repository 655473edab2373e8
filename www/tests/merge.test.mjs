// The page that shows a merge: every scenario, one's own documents, and what people paste by mistake.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { openDemo, picture, root, startServer } from "./lab.mjs";

const read = (path) => readFileSync(join(root, path), "utf8");
const scenarios = JSON.parse(read("tests/data/scenarios.json"));

let server;
before(async () => { server = await startServer(); });

const open = (t, hash = "", options = {}) => openDemo(t, server, { ...options, query: `merge.html${options.query ?? ""}${hash}` });
const verdict = (page) => page.getAttribute(".verdict-chip", "data-kind");
const line = (page, path) => page.locator(`tr.line[data-path="${path}"]`);
const cells = (page, path) => line(page, path).locator(".cell").allTextContents();
const isolates = /[\u2068\u2069]/g;
const textOf = async (page, selector) => (await page.textContent(selector)).replace(isolates, "");

/** Puts texts in and waits for what comes of them. */
async function paste(page, texts) {
  for (const [name, text] of Object.entries(texts)) await page.fill(`#text-${name}`, typeof text === "string" ? text : JSON.stringify(text));
  await page.waitForTimeout(400);
}

async function sticksOut(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

test("the page's scenarios are the project's", () => {
  assert.deepEqual(JSON.parse(read("www/merge/scenarios.json")), scenarios);
});

test("every scenario shows the verdict and the questions that it expects", async (t) => {
  const page = await open(t);
  for (const { id, title, why, expect, theirs, answer } of scenarios) {
    await page.selectOption("#example", id);
    await page.waitForFunction(([hash, text]) => location.hash === `#${hash}` && document.querySelector(".example-why").textContent.startsWith(text), [id, why]);
    await page.waitForFunction((kind) => document.querySelector(".verdict-chip")?.dataset.kind === kind, expect.kind).catch(async () => {
      assert.fail(`${id} ${title}: ${await verdict(page)}, not ${expect.kind}`);
    });
    const asked = await page.locator(".question").evaluateAll((nodes) => nodes.map((node) => [node.dataset.path, node.dataset.reason]));
    assert.deepEqual(asked, (expect.conflicts ?? []).map(({ path, reason }) => [path, reason]), id);
    // Where the server refuses the save, `expect` is what the draft says after it, not merge().
    if (!answer) assert.equal(await page.locator(".chip.reprice").count(), Number(expect.needsReprice), id);
    if (expect.kind === "terminal") {
      const state = await page.getAttribute(".verdict-chip", "data-state");
      assert.equal(state, expect.state, id);
      assert.equal(await page.locator(".leftovers li").count(), expect.leftover.length, id);
    }
    // Whatever is asked is marked in the table too, and can be reached from its question.
    for (const [path] of asked) {
      await page.click(`.question[data-path="${path}"] .path`);
      const marked = await page.evaluate(() => document.activeElement.dataset.outcome);
      assert.equal(marked, "asked", `${id} ${path}`);
    }
    for (const { from, to } of expect.notices ?? []) {
      if (from) assert.ok((await textOf(page, ".finding.notices")).includes(`${from} → ${to}`), id);
    }
    assert.ok(theirs === null || await page.locator(".merge-table tr").count() > 2, id);
  }
});

test("each change names the rule that decided it", async (t) => {
  const page = await open(t);
  const rules = {
    "items[r1].qty": ["counter", "2 + 1 + 1 = 4", "both"],
    "items[r2].posa_notes": ["text", "theirs, then my new lines", "both"],
    "items[rA]": ["rows", "I added it", "mine"],
    "items[rB]": ["rows", "they added it", "theirs"],
    custom_table_no: ["three-way", "they changed it", "theirs"],
    additional_discount_percentage: ["@discount", "both changed it", "asked"],
    modified: ["system", "the newest copy's", "server"],
  };
  for (const [path, [rule, why, outcome]] of Object.entries(rules)) {
    assert.equal(await line(page, path).locator(".chip").textContent(), rule, path);
    assert.equal(await line(page, path).locator(".why").textContent(), why, path);
    assert.equal(await line(page, path).getAttribute("data-outcome"), outcome, path);
  }
  assert.deepEqual(await cells(page, "items[r1].qty"), ["2", "3", "3", "4"]);
  await picture(page, "merge");
});

for (const [id, path, rule] of [
  ["S24", "items[r1].rate", "price"], ["S26", "customer_name", "@customer"], ["S29", "payments[Cash].amount", "money"],
  ["S20", "items[f2]", "derived row"], ["S31", "grand_total", "server"], ["S39", "items[r1].qty", "counter"],
]) {
  test(`${id}: ${path} is decided by ${rule}`, async (t) => {
    const page = await open(t, `#${id}`);
    assert.equal(await line(page, path).locator(".chip").textContent(), rule);
  });
}

test("a link opens its scenario, and the buttons go from one to the next", async (t) => {
  const page = await open(t, "#S05");
  assert.equal(await page.inputValue("#example"), "S05");
  assert.deepEqual(await cells(page, "items[r1].qty"), ["1", "2", "2", "3"]);
  await page.click("#next");
  await page.waitForFunction(() => location.hash === "#S06");
  assert.deepEqual(await cells(page, "items[r1].qty"), ["0.1", "0.3", "0.435", "0.635"]);
  await page.goBack();
  await page.waitForFunction(() => document.getElementById("example").value === "S05");
});

test("own documents merge, with digits that a double would lose", async (t) => {
  const page = await open(t);
  await page.selectOption("#profile", "plain");
  await paste(page, {
    base: "{\"key\": 1, \"price\": 12345678901234567890.10, \"note\": \"a\"}",
    mine: "{\"key\": 1, \"price\": 12345678901234567890.10, \"note\": \"b\"}",
    theirs: "{\"key\": 1, \"price\": 12345678901234567890.20, \"note\": \"a\"}",
  });
  assert.equal(await verdict(page), "merged");
  assert.equal(await page.inputValue("#example"), "own");
  assert.equal(new URL(page.url()).hash, "");
  assert.deepEqual(await cells(page, "price"), ["12345678901234567890.10", "12345678901234567890.10", "12345678901234567890.20", "12345678901234567890.20"]);
  assert.deepEqual(await cells(page, "note"), ["a", "b", "a", "b"]);
});

test("a profile of one's own: its mistake is named by path, and mended it merges", async (t) => {
  const page = await open(t, "#S05");
  await page.selectOption("#profile", "own");
  assert.ok((await page.inputValue("#text-own")).includes("posa_row_id"));
  await page.fill("#text-own", "{\"tables\": {\"items\": {\"row\": \"posa_row_id\"}}}");
  await page.waitForSelector(".verdict-chip[data-kind=refused]");
  assert.equal(await textOf(page, "#message-own"), "At tables.items.row: expected a list");
  await page.fill("#text-own", "{\"tables\": {\"items\": {\"row\": [\"posa_row_id\"]}}}");
  await page.waitForSelector(".verdict-chip[data-kind=merged]");
  assert.equal(await page.textContent("#message-own"), "");
  // Without the word that it is a counter, two equal values are one.
  assert.deepEqual(await cells(page, "items[r1].qty"), ["1", "2", "2", "2"]);
  assert.equal(await line(page, "items[r1].qty").locator(".chip").textContent(), "three-way");
});

test("broken JSON is told by its line, and the rest of the page goes on", async (t) => {
  const page = await open(t, "#S05");
  const good = await page.inputValue("#text-base");
  const messages = {
    "{\n \"a\": 1,\n}": /Line 3, column 1: there is one comma too many before }/,
    "{\n \"a\": 1\n \"b\": 2}": /Line 3, column 2: a comma or } was expected, not "/,
    "{'a': 1}": /Line 1, column 2: a field name in double quotes was expected, not '/,
    "{\"a\": 'b'}": /Line 1, column 7: JSON uses double quotes/,
    "{\"a\": \"b\n\"}": /Line 1, column 7: this text is not closed/,
    "{\"a\": NaN}": /Line 1, column 7: a value was expected, not N/,
    "{\"a\": [1, 2": /Line 1: the text ends too early/,
    "{} {}": /Line 1: the document is over, but { follows/,
    "{\"a\": \"\\x\"}": /Line 1, column 7: a backslash/,
    "[1]": /A document is an object/,
    "": /Nothing here yet/,
    ["[".repeat(100_000)]: /Line 1: nested more than 56 times/,
  };
  for (const [text, message] of Object.entries(messages)) {
    await page.fill("#text-base", text);
    assert.match(await textOf(page, "#message-base"), message);
    assert.equal(await page.getAttribute("#text-base", "aria-invalid"), "true");
  }
  await page.waitForSelector(".verdict-chip[data-kind=refused]");
  await paste(page, { base: good });
  assert.equal(await verdict(page), "merged");
  await page.fill("#text-mine", "{\"ops\": 1}");
  assert.match(await page.textContent("#message-mine"), /must be a list/);
});

test("what the package refuses is said where it belongs", async (t) => {
  const page = await open(t, "#S05");
  const good = await page.inputValue("#text-theirs");
  await paste(page, { mine: { ops: [{ op: "increment", path: "items[r9].qty", by: "1" }] } });
  assert.equal(await textOf(page, "#message-mine"), "items has no row \"r9\"");
  await paste(page, { mine: { ops: [] }, theirs: { items: 5 } });
  assert.match(await textOf(page, "#message-theirs"), /items is not a list of rows/);
  await paste(page, { theirs: "null" });
  assert.equal(await page.getAttribute(".verdict-chip", "data-state"), "deleted");
  await paste(page, { theirs: good });
  await page.fill("#expected_total", "twelve");
  await page.waitForSelector(".verdict-chip[data-kind=refused]");
  await page.fill("#expected_total", "");
  await page.fill("#in_doubt", "{\"sent\":");
  await page.waitForFunction(() => /not JSON/.test(document.querySelector(".refusal")?.textContent));
});

test("hostile text stays text", async (t) => {
  const page = await open(t);
  const evil = "<img src=x onerror=\"window.hacked = true\">";
  const doc = (note) => `{"name": "${"</textarea><script>window.hacked = true</script>"}", "__proto__": {"hacked": "${note}"}, "constructor": "${note}",
    "toString": "${note}", "custom_x": ${JSON.stringify(evil + note)}, ${JSON.stringify(evil)}: "${note}",
    "items": [{"posa_row_id": "__proto__", "item_code": ${JSON.stringify(evil)}, "qty": "1"}, {"posa_row_id": "${note}]</td>", "item_code": "x", "__proto__": "${note}"}]}`;
  await paste(page, { base: doc("a"), mine: doc("b"), theirs: doc("c") });
  assert.equal(await verdict(page), "conflict");
  assert.ok(await page.locator(".question").count() >= 4);
  assert.equal(await page.locator("img, .merge-result script").count(), 0);
  assert.deepEqual(await page.evaluate(() => [window.hacked, {}.hacked]), [undefined, undefined]);
  assert.ok((await page.textContent(".merge-table")).includes(evil));
  assert.equal(await sticksOut(page), 0);
  await page.click("#tab-json");
  assert.equal(await page.locator("img").count(), 0);
});

test("a large document: what nobody changed is folded", async (t) => {
  const page = await open(t);
  const rows = (qty) => Array.from({ length: 3000 }, (_, n) => ({ posa_row_id: `r${n}`, item_code: `ITEM-${n}`, qty: n % 100 ? "1" : qty, uom: "Nos" }));
  await paste(page, { base: { items: rows("1") }, mine: { items: rows("2") }, theirs: { items: rows("3") } });
  await page.waitForFunction(() => document.querySelectorAll("tr.line").length === 30, null, { timeout: 10_000 });
  assert.deepEqual(await cells(page, "items[r100].qty"), ["1", "2", "3", "4"]);
  assert.ok((await textOf(page, ".quiet-line:last-child")).startsWith("2970 rows that nobody changed"));
  await page.click(".quiet-line .go");
  assert.ok(await page.locator(".row-head").count() > 300);
});

test("the keyboard reaches everything, and the arrow keys turn the tabs", async (t) => {
  const page = await open(t, "#S05");
  await page.focus("#tab-table");
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.isVisible("#panel-json"));
  assert.equal(JSON.parse(await page.textContent(".raw")).doc.items[0].qty, "3");
  await page.selectOption("#example", "S06");
  await page.waitForFunction(() => location.hash === "#S06");
  assert.ok(await page.isVisible("#panel-json"), "the tab stays");
  const nameless = await page.locator("button, input, select, textarea, summary, a").evaluateAll((nodes) => nodes.filter((node) =>
    !(node.getAttribute("aria-label") || node.textContent || node.labels?.[0]?.textContent)).map((node) => node.outerHTML));
  assert.deepEqual(nameless, []);
});

for (const width of [360, 390, 719, 899, 1100, 1280]) {
  test(`nothing sticks out at ${width} pixels`, async (t) => {
    const page = await open(t, "", { viewport: { width, height: 844 }, hasTouch: width < 800 });
    for (const id of ["E1", "S16", "S40"]) {
      await page.evaluate((hash) => { location.hash = hash; }, id);
      await page.waitForFunction((hash) => document.getElementById("example").value === hash, id);
      assert.equal(await sticksOut(page), 0, id);
    }
    assert.equal(await page.isVisible("#text-base"), width >= 900);
    await picture(page, `merge-${width}`);
  });
}

test("from right to left, and in the dark", async (t) => {
  const page = await open(t, "", { query: "?dir=rtl", colorScheme: "dark" });
  const [base, merged] = await line(page, "items[r1].qty").locator(".cell").evaluateAll((nodes) => [nodes[0], nodes[3]].map((node) => node.getBoundingClientRect().left));
  assert.ok(base > merged);
  assert.equal(await sticksOut(page), 0);
  await picture(page, "merge-rtl-dark");
});

test("the demo and this page lead to each other", async (t) => {
  const page = await openDemo(t, server);
  await page.click("a[href='merge.html']");
  await page.waitForSelector(".merge-table");
  await page.click("a.to-page");
  await page.waitForSelector("#till-1");
});

test("the picture of the README", async (t) => {
  const page = await open(t, "#E1", { viewport: { width: 1200, height: 700 } });
  await page.locator(".page-head, .example-bar, .documents").evaluateAll((nodes) => { for (const node of nodes) node.hidden = true; });
  await page.screenshot({ path: join(root, "target/screenshots/merge-picture.png") });
});
