// How soon an edit is on the disk, how soon a till with many unsent drafts is open again, and what a draft costs in memory,
// in headless Chromium:
//
//   node bench/durability/run.mjs [--quick]
//
// Needs pkg/ (scripts/build.sh) and Chromium on the PATH. Writes bench/results/durability.md.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tools = createRequire(join(root, "tests/package/package.json"));
const { chromium } = tools("playwright-core");
const quick = process.argv.includes("--quick");
const edits = quick ? 100 : 1000;
const sizes = quick ? [1000, 3000] : [1000, 10_000];
const types = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

const server = createServer(async ({ url }, response) => {
  try {
    const path = url === "/page.mjs" ? join(root, "bench/durability/page.mjs") : url.startsWith("/pkg/") && join(root, url);
    if (path) response.writeHead(200, { "content-type": types[extname(path)] }).end(await readFile(path));
    else response.writeHead(200, { "content-type": "text/html" }).end('<!doctype html><script type="module" src="/page.mjs"></script>');
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const address = `http://127.0.0.1:${server.address().port}/`;
const executablePath = execFileSync("sh", ["-c", "command -v chromium || command -v chromium-browser || command -v google-chrome"], { encoding: "utf8" }).trim();
const profile = mkdtempSync(join(tmpdir(), "restamp-durability-"));
// On a disk, as a till has it: a private context would keep everything in memory.
const browser = await chromium.launchPersistentContext(profile, {
  executablePath, args: ["--headless=new", "--no-sandbox", "--disable-gpu"], timeout: 120_000,
});

async function fresh() {
  const page = await browser.newPage();
  await page.goto(address);
  await page.waitForFunction(() => window.bench, undefined, { timeout: 120_000 });
  return page;
}

async function measured(name, ...args) {
  const page = await fresh();
  const answer = await page.evaluate(({ name, args }) => window.bench[name](...args), { name, args });
  await page.close();
  return answer;
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(2);
const lines = [];
const row = (...cells) => lines.push(`| ${cells.join(" | ")} |`);

lines.push("## From an edit to the disk, ms", "");
row("store", "durability", "one edit, p50", "p99", "20 edits at once, p50", "p99");
row("---", "---", "---", "---", "---", "---");
for (const store of ["indexeddb", "opfs"]) {
  for (const durability of ["relaxed", "strict"]) {
    for (const key of [false, true]) {
      const { one, twenty } = await measured("edits", store, durability, key, edits);
      row(store, durability + (key ? ", encrypted" : ""), at(one, 0.5), at(one, 0.99), at(twenty, 0.5), at(twenty, 0.99));
      console.log(lines.at(-1));
    }
  }
}

lines.push("", "## Open again with unsent drafts", "");
row("store", "drafts", "openTill(), ms", "memory of the module, KB a draft");
row("---", "---", "---", "---");
for (const store of ["indexeddb", "opfs"]) {
  for (const drafts of sizes) {
    await measured("fill", store, drafts);
    const { ms, bytes } = await measured("recover", store, drafts);
    row(store, drafts, ms.toFixed(0), (bytes / drafts / 1024).toFixed(1));
    console.log(lines.at(-1));
  }
}

const version = browser.browser()?.version() ?? execFileSync(executablePath, ["--version"], { encoding: "utf8" }).trim();
await browser.close();
server.close();
rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
const release_of = JSON.parse(readFileSync(join(root, "pkg/package.json"), "utf8")).version;
const head = `# Durability

\`node bench/durability/run.mjs${quick ? " --quick" : ""}\`, ${new Date().toISOString().slice(0, 10)}, Restamp ${release_of} (${commit}), Chromium ${version}, Node ${process.version},
Linux ${release()}, ${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB.
An edit is one scan (\`increment\`) of a draft of a cafe invoice of 8 rows, until \`durable()\` resolves; ${edits} of them. Each unsent draft is an
invoice of 2 rows with two edits.
`;
writeFileSync(join(root, "bench/results/durability.md"), `${head}\n${lines.join("\n")}\n`);
