import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { project, root } from "./project.mjs";

const tsc = join(root, "tests/package/node_modules/typescript/bin/tsc");
const options = {
  strict: true, noEmit: true, skipLibCheck: false, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true,
  target: "es2022", lib: ["es2022", "dom"], types: [],
};
const contract = readFileSync(join(root, "tests/data/contract.d.ts"), "utf8");
const folder = project({
  "uses.ts": { from: "types/uses.ts" },
  "promise/check.ts": { from: "types/contract.ts" },
  "promise/contract.d.ts": contract,
  "bundler.json": JSON.stringify({ compilerOptions: { ...options, module: "esnext", moduleResolution: "bundler" }, files: ["uses.ts"] }),
  "node16.json": JSON.stringify({ compilerOptions: { ...options, module: "node16", moduleResolution: "node16" }, files: ["uses.ts"] }),
  "promise.json": JSON.stringify({ compilerOptions: { ...options, module: "esnext", moduleResolution: "bundler" }, files: ["promise/check.ts"] }),
});
const compiles = (config) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", config], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
};

test("an integrator's program compiles with a bundler's resolution", () => compiles("bundler.json"));
test("an integrator's program compiles with node16 resolution", () => compiles("node16.json"));
test("what is declared is what the contract promises", () => compiles("promise.json"));

test("the module exports exactly the values that restamp.d.ts declares", () => {
  const declared = readFileSync(join(root, "pkg/restamp.d.ts"), "utf8").matchAll(/^export (?:declare )?(?:function|const|class) (\w+)/gm);
  const check = `console.log(JSON.stringify(await Promise.all(["restamp", "restamp/inline"].map(async (entry) => Object.keys(await import(entry))))))`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", check], { cwd: folder, encoding: "utf8" });
  const names = [...declared].map(([, name]) => name).sort();
  assert.deepEqual(JSON.parse(stdout).map((entry) => entry.sort()), [names, names]);
});
