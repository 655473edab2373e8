// Headless Chromium on a page served from this machine, isolated from other origins: only then are its clocks fine enough.
import { accessSync, constants } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = join(dirname(fileURLToPath(import.meta.url)), "..");
const root = join(here, "..");
const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const flags = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const page = '<!doctype html><meta charset="utf-8"><title>bench</title><script type="module" src="/bench.js"></script>';

/** Answers null where there is no browser. */
export function executablePath() {
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
  return null;
}

/** The peers become one file; the package stays as it is and loads its module as it does in every page. */
async function bundle() {
  const { rolldown } = await import("rolldown");
  const made = await rolldown({
    input: join(here, "engines/page.mjs"),
    platform: "browser",
    plugins: [{
      name: "modules-that-carry-webassembly",
      resolveId(source) {
        if (source.endsWith("/pkg/restamp.js")) return { id: "/pkg/restamp.js", external: "absolute" };
        // Automerge's entry for browsers is made for bundlers that know WebAssembly; this one carries its module as text.
        return source === "@automerge/automerge" ? join(here, "node_modules", source, "dist/mjs/entrypoints/fullfat_base64.js") : null;
      },
    }],
    onLog: () => {},
  });
  const { output } = await made.generate({ format: "esm", codeSplitting: false });
  await made.close();
  return output[0].code;
}

async function serve(script) {
  const types = { js: "text/javascript", wasm: "application/wasm" };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const packaged = /^\/pkg\/([\w.]+\.(js|wasm))$/.exec(pathname);
    try {
      const body = packaged ? await readFile(join(root, "pkg", packaged[1])) : { "/": page, "/bench.js": script }[pathname];
      const type = packaged ? types[packaged[2]] : pathname === "/" ? "text/html" : "text/javascript";
      if (body === undefined) throw new Error("no such file");
      response.writeHead(200, { "content-type": type, ...isolated });
      response.end(body);
    } catch {
      response.writeHead(404, isolated).end();
    }
  });
  await new Promise((listening) => { server.listen(0, "127.0.0.1", listening); });
  return server;
}

export async function runChromium({ cases, patience, drafts }, tell) {
  const { chromium } = await import("playwright-core");
  const server = await serve(await bundle());
  const browser = await chromium.launch({ executablePath: executablePath(), args: flags, timeout: 120_000 });
  try {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(0);
    const complaints = [];
    tab.on("pageerror", (error) => complaints.push(String(error)));
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    await tab.waitForFunction(() => window.bench !== undefined, undefined, { timeout: 60_000 }).catch(() => {
      throw new Error(`the page did not start: ${complaints.join("; ")}`);
    });
    if (!(await tab.evaluate(() => window.bench.isIsolated()))) throw new Error("the page is not isolated: its clock is too coarse");
    const done = [];
    for (const describe of cases) {
      done.push(await tab.evaluate(([what, how]) => window.bench.runCase(what, how), [describe, patience]));
      tell(`  Chromium: ${done.at(-1).title}`);
    }
    const contestants = await tab.evaluate(() => window.bench.contestants());
    const draft = await tab.evaluate((measure) => window.bench.drafts(measure), drafts);
    return {
      engine: `Chromium ${browser.version()}`, clock: "time passed (performance.now, cross-origin isolated)", contestants, cases: done, draft,
    };
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}
