// The reference server and a browser for the page's tests; both end with the test file.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const { chromium } = createRequire(join(root, "tests/package/"))("playwright-core");
const screenshots = join(root, "target/screenshots");
const flags = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const headers = { Authorization: "token till-1:secret", Accept: "application/json" };
const ending = [];
let browser;

after(async () => {
  await browser?.close();
  for (const end of ending) end();
});

/** Starts the server on a free port; its address. */
export async function startServer() {
  const options = ["--port", "0", "--www", join(root, "www"), "--package", join(root, "pkg"), "--test-endpoints", "--no-keep-alive",
    "--unique", "customers.phone"];
  const server = spawn(serverPath(), options, { stdio: ["ignore", "pipe", "inherit"] });
  ending.push(() => server.kill());
  const [line] = await Promise.race([
    once(createInterface(server.stdout), "line"),
    once(server, "error").then(([error]) => { throw error; }),
    once(server, "exit").then(([code]) => { throw new Error(`the server ended with ${code}`); }),
  ]);
  return line.replace("listening on ", "");
}

function once(emitter, event) {
  return new Promise((resolve) => emitter.once(event, (...found) => resolve(found)));
}

function serverPath() {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  const path = process.env.RESTAMP_BACKEND ?? join(target, "debug/restamp-backend");
  assert.ok(existsSync(path), `no server at ${path}: run cargo build -p restamp-backend, or set RESTAMP_BACKEND`);
  assert.ok(existsSync(join(root, "pkg/restamp.js")), "no package in pkg/: run scripts/build.sh");
  return path;
}

function browserPath() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const known = process.env.PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = process.env.CHROMIUM ?? known.find(existsSync);
  assert.ok(found, "no Chrome or Chromium on PATH: run scripts/setup.sh, or set CHROMIUM");
  return found;
}

/**
 * Opens the demo in a browser profile of its own and waits until both tills have the bill.
 * `t` is the test's context: at its end the page must have had nothing to complain of.
 */
export async function openDemo(t, server, { query = "", ...context } = {}) {
  browser ??= await chromium.launch({ executablePath: browserPath(), args: flags, timeout: 120_000 });
  const profile = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...context });
  const page = await profile.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    // The browser's own note on every refusal by the server, which here is the subject.
    const refusal = message.text().startsWith("Failed to load resource") && /\/(api|rest)\//.test(message.location().url);
    if (["error", "warning"].includes(message.type()) && !refusal) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(server) && !request.url().startsWith("data:")) complaints.push(`outside request: ${request.url()}`);
  });
  t.after(async () => {
    await profile.close();
    assert.deepEqual(complaints, []);
  });
  await page.goto(`${server}/${query}`);
  await ready(page).catch((error) => { throw new Error(`${error.message}\n${complaints.join("\n")}`); });
  return page;
}

export async function ready(page) {
  await page.waitForSelector("body[data-ready]", { timeout: 30_000 });
}

export async function picture(page, name) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

/** The bill that the page shows. */
export function billOf(page) {
  return page.textContent("#bill");
}

/** The server's copy, fetched past the page. */
export async function fetchBill(server, key) {
  const answer = await fetch(`${server}/api/resource/Sales%20Invoice/${encodeURIComponent(key)}`, { headers });
  assert.equal(answer.status, 200);
  return (await answer.json()).data;
}

export async function countBills(server) {
  const answer = await fetch(`${server}/api/resource/Sales%20Invoice?limit_page_length=0`, { headers });
  return (await answer.json()).data.length;
}

/** Quantity of an item over all its rows. */
export function quantityOf(bill, code) {
  return bill.items.filter((row) => row.item_code === code).reduce((sum, row) => sum + row.qty, 0);
}

/** Waits until the till's status word is this one. */
export async function waitForStatus(page, till, status) {
  await page.waitForSelector(`#${till}[data-status="${status}"]`, { timeout: 15_000 });
}

/** Names of the log events of a till since `start`, in order. */
export function eventsOf(page, till, start = 0) {
  return page.evaluate(([id, from]) => window.demo.timeline.events.slice(from)
    .filter((event) => event.till === id).map((event) => event.event), [till, start]);
}

/** Whether `wanted` occurs in `found` in this order, with anything in between. */
export function inOrder(found, wanted) {
  let next = 0;
  for (const name of found) if (name === wanted[next]) next += 1;
  return next === wanted.length;
}
