import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packedFiles, project, root } from "./project.mjs";
import { expected } from "./programs/smoke.mjs";

const node = (cwd, file) => JSON.parse(execFileSync(process.execPath, [file], { cwd, encoding: "utf8" }));
const program = (entry) => `
import * as restamp from "${entry}";
import { smoke } from "./smoke.mjs";
console.log(JSON.stringify(await smoke(restamp)));
`;

test("the tarball holds what the package needs and nothing else", () => {
  assert.deepEqual(packedFiles().sort(), [
    "LICENSE-APACHE", "LICENSE-MIT", "README.md", "inline.js", "messages-ar.js", "messages-th.js", "opfs-worker.js", "opfs.js",
    "package.json", "restamp.d.ts", "restamp.js", "restamp.schema.json", "restamp_bg.wasm", "sealed.js", "shared.js",
  ]);
  const manifest = JSON.parse(readFileSync(join(root, "pkg/package.json"), "utf8"));
  assert.equal(manifest.version, /^version = "(.+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1]);
});

test("Node runs it as an ES module, the wasm read from the package's folder", () => {
  const folder = project({ "main.mjs": program("restamp"), "smoke.mjs": { from: "programs/smoke.mjs" } });
  assert.deepEqual(node(folder, "main.mjs"), expected);
});

test("Node runs restamp/inline, with no file beside it", () => {
  const folder = project({ "main.mjs": program("restamp/inline"), "smoke.mjs": { from: "programs/smoke.mjs" } });
  rmSync(join(folder, "node_modules/restamp/restamp_bg.wasm"));
  assert.deepEqual(node(folder, "main.mjs"), expected);
});

test("init() takes every kind of source, once, and may be tried again after a failure", () => {
  const source = (expression) => `
    import { readFileSync } from "node:fs";
    import * as restamp from "restamp";
    const bytes = readFileSync(new URL("./node_modules/restamp/restamp_bg.wasm", import.meta.url));
    const beside = new URL("./node_modules/restamp/restamp_bg.wasm", import.meta.url);
    const failed = [];
    for (const wrong of [new URL("./missing.wasm", import.meta.url), new Uint8Array([1, 2]), 7, new Response("", { status: 404 })]) {
      await restamp.init(wrong).catch((error) => failed.push(error instanceof restamp.RestampError ? error.code : String(error)));
    }
    const first = restamp.init(${expression});
    const same = first === restamp.init();
    const value = await first;
    console.log(JSON.stringify({ failed, same, value: value === undefined, wait: restamp.delay(restamp.schedules.odoo, 2, 0) }));
  `;
  const sources = {
    nothing: "", bytes: "bytes", buffer: "new Uint8Array(bytes).buffer", url: "beside", text: "String(beside)",
    module: "new WebAssembly.Module(bytes)", response: `new Response(bytes, { headers: { "content-type": "application/wasm" } })`,
  };
  const folder = project(Object.fromEntries(Object.entries(sources).map(([name, expression]) => [`${name}.mjs`, source(expression)])));
  for (const name of Object.keys(sources)) {
    const failed = ["not-loaded", "not-loaded", "invalid-argument", "not-loaded"];
    assert.deepEqual(node(folder, `${name}.mjs`), { failed, same: true, value: true, wait: 100 }, name);
  }
});

test("the ready-made tables are frozen, and salesInvoice is the profile that the merge was tested with", () => {
  const folder = project({
    "main.mjs": `
      import { profiles, schedules } from "restamp";
      const open = [];
      const walk = (value, path) => {
        if (typeof value !== "object" || value === null) return;
        if (!Object.isFrozen(value)) open.push(path);
        for (const [key, inner] of Object.entries(value)) walk(inner, path + "." + key);
      };
      walk(profiles, "profiles");
      walk(schedules, "schedules");
      console.log(JSON.stringify({ open, profile: profiles.salesInvoice, names: [Object.keys(profiles), Object.keys(schedules)] }));
    `,
  });
  const { open, profile, names } = node(folder, "main.mjs");
  const { createTokenField, changedBy, ...rest } = profile;
  assert.deepEqual(open, []);
  assert.deepEqual([createTokenField, changedBy], ["client_uuid", "modified_by"]);
  assert.deepEqual(rest, JSON.parse(readFileSync(join(root, "tests/data/sales-invoice.json"), "utf8")));
  assert.deepEqual(names, [["salesInvoice", "posInvoice", "odooOrder", "plain"], ["frappeOnce", "odoo", "interactive", "contention", "background"]]);
});
