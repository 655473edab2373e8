// The package as an integrator gets it: `npm pack`, then `npm install` of the tarball into a fresh
// project in the temporary folder.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after } from "node:test";

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "../..");
const quiet = { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
const folders = [];
let tarball;

// Registered while the file loads, so it belongs to the file and not to the test that runs.
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function pack() {
  const folder = temporary();
  const [made] = JSON.parse(execFileSync("npm", ["pack", "--json", "--pack-destination", folder], { ...quiet, cwd: join(root, "pkg") }));
  return { path: join(folder, made.filename), files: made.files.map((file) => file.path) };
}

function temporary() {
  const folder = mkdtempSync(join(tmpdir(), "restamp-package-"));
  folders.push(folder);
  return folder;
}

/** Paths inside the tarball. */
export function packedFiles() {
  return (tarball ??= pack()).files;
}

/** Makes a project that has the package installed; `files` maps names to text, or to `{ from }`, a path in this folder. */
export function project(files) {
  const folder = temporary();
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "shop", private: true, type: "module" }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if (typeof content === "string") writeFileSync(join(folder, name), content);
    else cpSync(join(here, content.from), join(folder, name));
  }
  tarball ??= pack();
  const flags = ["--offline", "--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier"];
  execFileSync("npm", ["install", ...flags, tarball.path], { ...quiet, cwd: folder });
  return folder;
}
