// The page in other languages, directions and sizes.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { languages } from "../demo/words.mjs";
import { openDemo, picture, startServer } from "./lab.mjs";

let server;
before(async () => { server = await startServer(); });

const left = (page, selector) => page.locator(selector).evaluate((node) => node.getBoundingClientRect().left);

test("Arabic mirrors the page, and switching back needs no reload", async (t) => {
  const page = await openDemo(t, server, { query: "?lang=ar" });
  assert.equal(await page.getAttribute("html", "dir"), "rtl");
  assert.ok(await left(page, "#till-1") > await left(page, "#till-2"));
  assert.equal(await page.textContent("#till-1 .save"), "احفظ");
  await page.click("#both_at_once");
  await page.waitForSelector(".timeline svg .diamond");
  await picture(page, "arabic");
  await page.click("#language");
  assert.equal(await page.getAttribute("html", "dir"), "ltr");
  assert.equal(await page.textContent("#till-1 .save"), "Save");
  assert.ok(await left(page, "#till-1") < await left(page, "#till-2"));
});

test("the direction alone can be turned", async (t) => {
  const page = await openDemo(t, server, { query: "?dir=rtl" });
  assert.ok(await left(page, "#till-1") > await left(page, "#till-2"));
  assert.equal(await page.textContent("#till-1 .save"), "Save");
});

for (const lang of Object.keys(languages)) {
  for (const width of [360, 390, 899, 900, 1280]) {
    test(`nothing sticks out at ${width} pixels, ${lang}`, async (t) => {
      const page = await openDemo(t, server, { query: `?lang=${lang}`, viewport: { width, height: 844 }, hasTouch: true });
      await page.click("#both_at_once");
      await page.waitForSelector(".timeline svg .diamond");
      const sticksOut = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(sticksOut, 0);
      const columns = await page.evaluate(() => getComputedStyle(document.querySelector(".tills")).gridTemplateColumns.split(" ").length);
      assert.equal(columns, width < 900 ? 1 : 2);
      await picture(page, `${lang}-${width}`);
    });
  }
}

test("every control has a name, and targets for fingers are large enough", async (t) => {
  const page = await openDemo(t, server, { viewport: { width: 390, height: 844 }, hasTouch: true });
  const controls = await page.locator("button, input, select").evaluateAll((nodes) => nodes.filter((node) => node.checkVisibility()).map((node) => ({
    name: node.getAttribute("aria-label") || node.textContent || node.labels?.[0]?.textContent || "",
    height: node.getBoundingClientRect().height,
  })));
  assert.ok(controls.length > 40);
  for (const { name, height } of controls) {
    assert.notEqual(name.trim(), "");
    assert.ok(height >= 36, `${name}: ${height}`);
  }
});
