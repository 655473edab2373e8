// Each example runs as it stands, in a project that has the package installed.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { root, startServer } from "./lab.mjs";

const examples = join(root, "www/examples");
const said = {
  "ten-lines.mjs": /^committed ACC-SINV-\d{4}-\d{5} 7$/,
  "rest.mjs": /^committed attempts 2 qty 3$/,
  "merging-server.mjs": /^committed in 1, committed in 1 qty 3$/,
  "transfer.mjs": /^committed 7\.50 17\.50 insufficient 5 R-\d{4,}$/,
  "plain-object.mjs": /^committed attempts 2 \{"table":"9","guests":3\}$/,
};
let server;
let project;

before(async () => {
  server = await startServer();
  project = mkdtempSync(join(tmpdir(), "restamp-examples-"));
  mkdirSync(join(project, "node_modules"));
  symlinkSync(join(root, "pkg"), join(project, "node_modules/restamp"), "dir");
});
after(() => project && rmSync(project, { recursive: true, force: true }));

test("each example is tried", () => {
  assert.deepEqual(readdirSync(examples).sort(), Object.keys(said).sort());
});

for (const [name, expected] of Object.entries(said)) {
  test(`${name} says what it should`, async () => {
    copyFileSync(join(examples, name), join(project, name));
    const { stdout } = await promisify(execFile)(process.execPath, [name, server], { cwd: project, timeout: 30_000 });
    assert.match(stdout.trim(), expected);
  });
}

test("the short one is short", () => {
  assert.ok(readFileSync(join(examples, "ten-lines.mjs"), "utf8").split("\n").length <= 20);
});
