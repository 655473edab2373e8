// The benchmark, one command:
//
//   node bench/run.mjs [--quick] [--rows 10,100,1000,10000] [--only node|chromium] [--report]
//
// `--report` measures nothing and writes the table and the picture of the last results again. Otherwise it installs what it needs into bench/node_modules, measures, and writes bench/results (quick runs: bench/results/quick).
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { executablePath, runChromium } from "./engines/chromium.mjs";
import { cases } from "./invoices/cases.mjs";
import { full, quick } from "./measure/patience.mjs";
import { picture } from "./report/picture.mjs";
import { report } from "./report/table.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..");
const tell = (text) => { process.stderr.write(`${text}\n`); };

function options() {
  const { values } = parseArgs({
    options: { quick: { type: "boolean" }, rows: { type: "string" }, only: { type: "string" }, report: { type: "boolean" } },
  });
  const rows = (values.rows ?? (values.quick ? "10,100,1000" : "10,100,1000,10000")).split(",").map(Number);
  if (!rows.every((count) => Number.isInteger(count) && count >= 10)) throw new Error("--rows takes whole numbers from 10");
  if (!["node", "chromium", undefined].includes(values.only)) throw new Error("--only takes node or chromium");
  return { isQuick: values.quick === true, rows, only: values.only, measures: values.report !== true };
}

function install() {
  const lock = join(here, "package-lock.json");
  const done = join(here, "node_modules/.package-lock.json");
  if (!existsSync(done) || statSync(done).mtimeMs < statSync(lock).mtimeMs) {
    tell("installing the peers");
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: here, stdio: ["ignore", "ignore", "inherit"] });
  }
  if (existsSync(join(root, "pkg/package.json"))) return;
  tell("building the package");
  for (const script of ["setup.sh", "build.sh"]) execFileSync(join(root, "scripts", script), { stdio: ["ignore", "ignore", "inherit"] });
}

/** A Node process of its own; answers the JSON that it prints. */
function measured(script, ...given) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(here, script), ...given], { stdio: ["ignore", "pipe", "inherit"] });
    const parts = [];
    child.stdout.on("data", (part) => parts.push(part));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(Buffer.concat(parts)));
      else reject(new Error(`${script} ended with ${code}`));
    });
  });
}

function circumstances() {
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const wasm = readFileSync(join(root, "pkg/restamp_bg.wasm"));
  const { dependencies } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    machine: `${os.cpus().length} × ${os.cpus()[0].model.trim()}, ${Math.round(os.totalmem() / 2 ** 30)} GB, ${os.type()} ${os.release()}`,
    commit: git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "src", "Cargo.toml") ? " with changes" : ""),
    wasm: { sha256: createHash("sha256").update(wasm).digest("hex").slice(0, 12), gzip: gzipSync(wasm, { level: 9 }).length },
    peers: dependencies,
  };
}

const { isQuick, rows, only, measures } = options();
if (measures) install();
const results = join(here, "results", isQuick ? "quick" : "");
mkdirSync(results, { recursive: true });
const job = {
  cases: cases(rows, isQuick), patience: isQuick ? quick : full,
  drafts: isQuick ? { edits: 500, blocks: 5 } : { edits: 500, blocks: 15 },
};

const engines = {
  node: () => measured("engines/node.mjs", JSON.stringify(job)),
  chromium: () => runChromium(job, tell),
};
for (const [name, run] of Object.entries(engines)) {
  if (!measures || (only !== undefined && only !== name)) continue;
  if (name === "chromium" && executablePath() === null) {
    tell("no Chromium on PATH: left out");
    continue;
  }
  const outcome = { ...circumstances(), quick: isQuick, ...(await run()) };
  if (name === "node") outcome.memory = await measured("measure/memory.mjs", String(isQuick ? 1000 : 10_000));
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify(outcome, null, 1)}\n`);
}

// Both engines' last results make one table, also where only one was run now.
const known = Object.keys(engines).map((name) => join(results, `${name}.json`)).filter((file) => existsSync(file))
  .map((file) => JSON.parse(readFileSync(file, "utf8")));
writeFileSync(join(results, "merge.md"), report(known));
writeFileSync(join(results, "merge.svg"), picture(known));
process.stdout.write(report(known));
