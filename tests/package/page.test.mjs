import assert from "node:assert/strict";
import { test } from "node:test";
import { answerOf, serve } from "./browser.mjs";
import { project } from "./project.mjs";
import { expected } from "./programs/smoke.mjs";

const wasm = "/node_modules/restamp/restamp_bg.wasm";
const page = (script) => `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script type="importmap">
{ "imports": { "restamp": "/node_modules/restamp/restamp.js", "restamp/inline": "/node_modules/restamp/inline.js" } }
</script>
<script type="module">${script}</script>`;
const use = (entry) => page(`
  import * as restamp from "${entry}";
  import { smoke } from "/smoke.mjs";
  window.answer = await smoke(restamp);
`);

test("a page without a bundler loads it: three files", async () => {
  const folder = project({ "index.html": use("restamp"), "smoke.mjs": { from: "programs/smoke.mjs" } });
  const { answer, requests, complaints } = await answerOf(await serve(folder));
  assert.deepEqual(answer, expected);
  assert.deepEqual(complaints, []);
  const ours = requests.filter((path) => path.startsWith("/node_modules/restamp/")).sort();
  assert.deepEqual(ours, ["/node_modules/restamp/restamp.js", wasm, "/node_modules/restamp/shared.js"]);
});

test("restamp/inline fetches no .wasm", async () => {
  const folder = project({ "index.html": use("restamp/inline"), "smoke.mjs": { from: "programs/smoke.mjs" } });
  const { answer, requests, complaints } = await answerOf(await serve(folder));
  assert.deepEqual(answer, expected);
  assert.deepEqual(complaints, []);
  assert.ok(!requests.some((path) => path.endsWith(".wasm")));
});

test("nothing is fetched at import; the module is fetched once, at the first init()", async () => {
  const folder = project({
    "index.html": page(`
      import { init } from "restamp";
      const fetched = () => performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith(".wasm")).length;
      const atImport = fetched();
      await Promise.all([init(), init(), init()]);
      await init();
      window.answer = { atImport, after: fetched() };
    `),
  });
  const { answer, requests } = await answerOf(await serve(folder));
  assert.deepEqual(answer, { atImport: 0, after: 1 });
  assert.equal(requests.filter((path) => path === wasm).length, 1);
});

test("init() fails in words where the file is missing, and may be tried again", async () => {
  const folder = project({
    "index.html": page(`
      import { init, RestampError } from "restamp";
      const error = await init("/missing.wasm").catch((error) => error);
      await init(await fetch("${wasm}"));
      window.answer = { ours: error instanceof RestampError, code: error.code, message: error.message };
    `),
  });
  const { answer } = await answerOf(await serve(folder));
  assert.equal(answer.ours, true);
  assert.equal(answer.code, "not-loaded");
  assert.match(answer.message, /^restamp: could not load .*\/missing\.wasm: the server answered 404$/);
});

test("a server that does not know the type of .wasm is good enough", async () => {
  const folder = project({ "index.html": use("restamp"), "smoke.mjs": { from: "programs/smoke.mjs" } });
  const { answer } = await answerOf(await serve(folder, { ".wasm": "application/octet-stream" }));
  assert.deepEqual(answer, expected);
});
