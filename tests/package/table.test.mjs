import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { answerOf, serve } from "./browser.mjs";
import { project, root } from "./project.mjs";

const json = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));
const scenarios = json("tests/data/scenarios.json");
const calls = { GET: "load", POST: "create", PUT: "update", PATCH: "update" };

/** Recorded answers of real servers, each under the adapter that could be asked. */
const exchanges = ["frappe", "kinto", "pocketbase", "sap-cap"].flatMap((backend) =>
  readdirSync(join(root, "tests/transcripts", backend)).flatMap((file) =>
    (json(`tests/transcripts/${backend}/${file}`).exchanges ?? [])
      .filter(({ request, response }) => request.method in calls && response.status)
      .map(({ request, response: { status, headers, body } }, number) => ({
        name: `${backend}/${file} ${number + 1}`,
        adapter: backend === "frappe" ? "frappe" : "rest",
        call: calls[request.method],
        response: { status, headers, body: typeof body === "string" ? body : JSON.stringify(body ?? null) },
      }))));

test("merge, classify and delay give in Node exactly what they give in Chromium", async () => {
  const folder = project({
    "table.mjs": { from: "programs/table.mjs" },
    "input.json": JSON.stringify({ scenarios, exchanges }),
    "main.mjs": `
      import { readFileSync } from "node:fs";
      import * as restamp from "restamp";
      import { table } from "./table.mjs";
      await restamp.init();
      console.log(JSON.stringify(table(restamp, JSON.parse(readFileSync("input.json", "utf8")))));
    `,
    "index.html": `<!doctype html><link rel="icon" href="data:,"><script type="module">
      import * as restamp from "/node_modules/restamp/restamp.js";
      import { table } from "/table.mjs";
      await restamp.init();
      window.answer = table(restamp, await (await fetch("/input.json")).json());
    </script>`,
  });
  const node = JSON.parse(execFileSync(process.execPath, ["main.mjs"], { cwd: folder, encoding: "utf8", maxBuffer: 64 << 20 }));
  const { answer: chromium } = await answerOf(await serve(folder));
  assert.deepEqual(chromium, node);

  const rows = new Map(node);
  assert.equal(rows.size, 2 * scenarios.length + exchanges.length + 100);
  const errors = node.filter(([, result]) => !/^[[{]/.test(result));
  assert.deepEqual(errors, []);
  // Two scenarios end with the server's answer to the save, which a merge alone cannot know.
  for (const { id, expect } of scenarios.filter(({ submit, answer }) => !submit && !answer)) {
    assert.equal(JSON.parse(rows.get(`merge ${id}`)).kind, expect.kind, id);
  }
});
