import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build, createLogger } from "vite";
import { answerOf, serve } from "./browser.mjs";
import { project } from "./project.mjs";
import { expected } from "./programs/smoke.mjs";

/** Builds a page that imports `entry`; answers with the names of the built assets and what the page said. */
async function built(entry) {
  const folder = project({
    "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.mjs"></script>`,
    "main.mjs": `
      import * as restamp from "${entry}";
      import { smoke } from "./smoke.mjs";
      window.answer = await smoke(restamp);
    `,
    "smoke.mjs": { from: "programs/smoke.mjs" },
  });
  const warnings = [];
  const customLogger = createLogger("silent");
  customLogger.warn = (message) => warnings.push(message);
  // restamp/inline carries the module inside: a large chunk is what its user asked for.
  await build({ root: folder, configFile: false, customLogger, build: { target: "esnext", chunkSizeWarningLimit: 1000 } });
  assert.deepEqual(warnings, []);
  const { answer, complaints } = await answerOf(await serve(join(folder, "dist")));
  assert.deepEqual(complaints, []);
  return { answer, assets: readdirSync(join(folder, "dist/assets")) };
}

test("a Vite build carries the .wasm as an asset and runs", async () => {
  const { answer, assets } = await built("restamp");
  assert.deepEqual(answer, expected);
  assert.equal(assets.filter((name) => /^restamp_bg-.+\.wasm$/.test(name)).length, 1);
});

test("a Vite build of restamp/inline has no .wasm and runs", async () => {
  const { answer, assets } = await built("restamp/inline");
  assert.deepEqual(answer, expected);
  assert.deepEqual(assets.filter((name) => name.endsWith(".wasm")), []);
});
