// Writes seeds into the corpora, from what the tests hold: recorded answers, scenarios, profiles.
// Run it after adding transcripts; what an input adds to a corpus decides `scripts/fuzz.sh minimise`.
//
//   node fuzz/seeds.mjs
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import * as profiles from "../src/package/profiles.js";

const root = new URL("..", import.meta.url);
const BYTES_MAX = 8192; // longer inputs make every try slow
const SEPARATOR = "\x1e";
let written = 0;

function seed(target, text) {
  const bytes = Buffer.from(text);
  if (bytes.length > BYTES_MAX) return;
  const folder = new URL(`fuzz/corpus/${target}/`, root);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(createHash("sha1").update(bytes).digest("hex"), folder), bytes);
  written += 1;
}

const json = (path) => JSON.parse(readFileSync(new URL(path, root), "utf8"));
const text = (value) => JSON.stringify(value);

// Answers: the status, headers that an adapter reads, an empty line, the body.
const HEADERS = ["retry-after", "etag", "location", "content-type"];
for (const backend of readdirSync(new URL("tests/transcripts", root))) {
  for (const file of readdirSync(new URL(`tests/transcripts/${backend}`, root))) {
    for (const { response } of json(`tests/transcripts/${backend}/${file}`).exchanges ?? []) {
      const pairs = Array.isArray(response.headers)
        ? response.headers : Object.entries(response.headers ?? {});
      const head = pairs.filter(([name]) => HEADERS.includes(name.toLowerCase()))
        .map(([name, value]) => `${name.toLowerCase()}: ${value}\n`).join("");
      const body = typeof response.body === "string" ? response.body : text(response.body);
      const answer = `${response.status}\n${head}\n${response.body == null ? "" : body}`;
      seed(backend === "frappe" ? "frappe" : "rest", answer);
    }
  }
}

// Verdicts of plain objects, and options of adapters.
const doc = { id: "A", qty: 1.50 };
for (const verdict of [
  { kind: "saved", key: "A", stamp: "1", doc }, { kind: "saved" }, { kind: "loaded", stamp: "1", doc },
  { kind: "stale", current: "2", doc }, { kind: "exists", key: "A" }, { kind: "exists" },
  { kind: "gone" }, { kind: "closed", state: "submitted" }, { kind: "closed", state: "cancelled" },
  { kind: "unavailable", retryAfter: 1500.5, applied: "no" }, { kind: "in-doubt" },
  { kind: "unauthenticated", csrf: true }, { kind: "rejected", code: "forbidden", message: "no" },
  { kind: "rejected", code: "invalid", message: "no", fields: ["customer"] },
  { kind: "rejected", code: "stock", message: "", rows: [{ row: "r1", available: "0.5" }] },
  { kind: "rejected", code: "stock", message: "", rows: [{ row: "r1", available: 2 }] },
  { doctype: "Sales Invoice", tokenField: "client_uuid", api: "v2" },
  { doctype: "X", methods: { update: { path: "a.b", encode: "form", args: { d: "$doc" }, answer: "message.0" } } },
  { doctype: "X", methods: { load: { path: "/a", method: "GET" }, find: { path: "f", method: "POST" } } },
  { path: "/orders", stamp: { field: "rev" }, key: "id", envelope: "data" },
  { path: "/orders", stamp: "etag", tokenField: "uuid", wholeAnswers: false, racy: true },
]) seed("verdict", text(verdict));

// Merges and edits, from the scenarios.
const scenarios = json("tests/data/scenarios.json");
const invoices = json("tests/data/sales-invoices.json");
for (const { base, mine, theirs, inDoubt, submit } of scenarios) {
  const parts = [text(base), text(mine.doc ?? mine.ops), theirs === null ? "gone" : text(theirs),
    inDoubt?.sent ? text(inDoubt.sent) : "", inDoubt?.token ?? "", submit?.expectedTotal ?? ""];
  for (const number of [0, 1, 2]) seed("merge", [number, ...parts].join(SEPARATOR));
  seed("merge", ["0", text(base), text(theirs), text(base)].join(SEPARATOR));
  if (mine.ops) seed("ops", text(mine.ops));
  for (const { path } of mine.ops ?? []) if (path) seed("ops", path);
  seed("json", text(base));
  seed("json", JSON.stringify(theirs, null, 2));
  // A till's journal: a draft with edits, sent and wished.
  const entry = (what, more) => text({ v: 1, entry: what, id: "d1", ...more });
  const edits = (mine.ops ?? []).map((op, at) => ({ revision: at + 1, op }));
  const state = { key: base.name, stamp: "s1", base, edits: [], conflicts: [] };
  const lines = [entry("state", state), ...edits.map((edit) => entry("edited", edit))];
  seed("journal", lines.join("\n"));
  seed("journal", [...lines, entry("sent", { sent: edits.length, token: "t1", submit: false,
    wanted: edits.length })].join("\n"));
  seed("journal", entry("state", { ...state, edits, sent: 1, token: "t1", submit: true, wanted: 1,
    submitFor: "20.00" }));
}
const base = { customer: "A", items: [{ posa_row_id: "r1", item_code: "TEA", qty: 1 }] };
const set = { op: "set", path: "customer", value: "B" };
for (const reason of ["both-changed", "set-against-change", "removed-against-edit",
  "unit-against-quantity", "repriced", "frozen", "double-payment", "captured-payment",
  "answer-lost", "same-row-id", "total-changed", "stock"]) {
  const conflict = { path: "customer", reason, base: "A", mine: "B", theirs: "C", provisional: "C",
    by: "ali", paid: "3", due: "2", available: "1", again: "1", onMine: [set], onTheirs: [] };
  const state = { v: 1, entry: "state", id: "d1", key: "D1", stamp: "s", base, edits: [],
    conflicts: [conflict], wanted: 1 };
  seed("journal", text(state));
  seed("journal", text({ ...state, key: undefined, conflicts: [{ ...conflict, path: "@document" }] }));
}
for (const ending of ["submitted", "cancelled", "deleted", "replaced"]) {
  const state = { v: 1, entry: "state", id: "d1", base, edits: [], conflicts: [],
    ending: { state: ending, alreadyDone: false, leftover: [{ table: "items", row: "r1" }] } };
  seed("journal", text(state));
}
for (const what of ["unsent", "settled", "wished"]) {
  const state = { v: 1, entry: "state", id: "d1", base, edits: [], conflicts: [] };
  seed("journal", [text(state), text({ v: 1, entry: what, id: "d1", wanted: 3 })].join("\n"));
}

for (const profile of Object.values(profiles).flatMap((value) =>
  value.tables || value.otherwise ? [value] : Object.values(value))) {
  if (typeof profile !== "object") continue;
  seed("profile", text(profile));
  for (const part of Object.keys(profile)) {
    seed("profile", text({ ...profile, [part]: undefined }));
    seed("profile", text({ [part]: profile[part] }));
  }
}
seed("profile", text(json("tests/data/sales-invoice.json")));
for (const rule of ["ask", "mine", "theirs", "server", "frozen", "counter", "money", "set", "text", "max", "min"]) {
  seed("profile", text({ fields: { customer: rule, seq: rule }, otherwise: rule,
    tables: { items: { row: ["posa_row_id"], otherwise: rule }, lines: { row: ["uuid"], fields: { qty: rule } } } }));
}

for (const path of ["customer", "items[r1].qty", "items[r1]", "items[a].b|[c].qty", "items[]", "a]"]) {
  seed("ops", path);
}
for (const value of ["1.50", "-0", "0.1e-7", "1E400", "123456789012345678901234567890.12", "1e28",
  "\"12.50\"", "\"-3\"", "\"007\"", "\"\\ud83d\\ude00\\n\"", "[1,[2,{\"a\":null}]]", "{\"a\":1,\"a\":2}",
  "{\"__proto__\":{\"a\":true}}", " [ ] ", "79228162514264337593543950335", "-1.0000000000000000000000000000"]) {
  seed("json", value);
}
for (const invoice of invoices.invoices ?? (Array.isArray(invoices) ? invoices : [])) seed("json", text(invoice));

// Tills: any bytes are a world. The same ones every time.
let state = 7;
const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
for (let number = 0; number < 40; number += 1) {
  seed("till", Buffer.from(Array.from({ length: 40 + number * 8 }, next)));
}
console.log(`${written} seeds`);
