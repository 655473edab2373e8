import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { root } from "./project.mjs";

// What it is now, with little to spare, so that growth is seen. The goal is 30 KiB: bench/results/size.md says what takes the room.
const gzip_bytes_max = 324 * 1024;

test("all that a page loads is within its budget, compressed", () => {
  const sizes = ["restamp_bg.wasm", "restamp.js", "shared.js"].map((name) =>
    [name, gzipSync(readFileSync(join(root, "pkg", name)), { level: 9, memLevel: 9 }).length]);
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  assert.ok(total <= gzip_bytes_max, `${total} bytes of gzip: ${sizes.map((size) => size.join(" ")).join(", ")}`);
});

test("the module asks its host for nothing but its own bindings", () => {
  const module = new WebAssembly.Module(readFileSync(join(root, "pkg/restamp_bg.wasm")));
  const asked = new Set(WebAssembly.Module.imports(module).map((entry) => entry.module));
  assert.deepEqual([...asked], ["a"]); // the name that wasm-opt gives to the bindings
});
