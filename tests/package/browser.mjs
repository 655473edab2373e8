// Headless Chromium on a folder served from this machine.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { delimiter, extname, join, normalize } from "node:path";
import { after } from "node:test";
import { chromium } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const flags = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };

const servers = [];
const crashers = [];
let browser;

// Registered while the file loads, so it belongs to the file and not to the test that runs.
after(async () => {
  await browser?.close();
  crashers.forEach((crash) => crash());
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

function executablePath() {
  for (const folder of process.env.PATH.split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        continue;
      }
    }
  }
  throw new Error(`no browser on PATH (looked for ${names.join(", ")}): run scripts/setup.sh`);
}

/** Serves `folder` on a free loopback port; answers its address. `overrides` maps a file ending to another content type. */
export async function serve(folder, overrides = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    try {
      const path = join(folder, normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
      const body = await readFile(path);
      response.writeHead(200, { "content-type": { ...types, ...overrides }[extname(path)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  servers.push(server);
  return `http://127.0.0.1:${server.address().port}/`;
}

/** The browser of this test file: started at the first call, closed after the last test. */
export async function openBrowser() {
  browser ??= await chromium.launch({ executablePath: executablePath(), args: flags, timeout: 120_000 });
  return browser;
}

/**
 * Opens a page that stores its answer in `window.answer`, and waits for it. Answers with it, the paths
 * that were requested, and what the console and uncaught errors said.
 */
export async function answerOf(address) {
  const page = await (await openBrowser()).newPage();
  const requests = [];
  const complaints = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(address);
  const answered = page.waitForFunction(() => window.answer !== undefined, undefined, { timeout: 60_000 });
  await answered.catch((error) => {
    throw new Error(`the page gave no answer (${error.message}); it said: ${complaints.join("; ")}`);
  });
  const answer = JSON.parse(await page.evaluate(() => JSON.stringify(window.answer)));
  await page.close();
  return { answer, requests, complaints };
}

/** A browser with its profile in `folder` that can be killed as a power cut would: page() opens a page, crash() kills it. */
export async function startCrasher(folder) {
  const options = [...flags, `--user-data-dir=${folder}`, "--remote-debugging-port=0", "about:blank"];
  const started = spawn(executablePath(), options, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const ended = new Promise((end) => started.once("exit", end));
  const crash = async () => {
    try {
      process.kill(-started.pid, "SIGKILL"); // the group: the browser and all its processes
    } catch {
      return; // it is dead already
    }
    await ended;
  };
  crashers.push(crash);
  const address = await new Promise((listening, failed) => {
    let said = "";
    started.stderr.on("data", (text) => {
      said += text;
      const found = /DevTools listening on (\S+)/.exec(said);
      if (found) listening(found[1]);
    });
    ended.then(() => failed(new Error(`the browser ended: ${said}`)));
  });
  const connected = await chromium.connectOverCDP(address);
  return { crash, page: () => connected.contexts()[0].newPage() };
}
