// Messages for a cashier: every code that the engine gives exists in every language with the same placeholders, and values are isolated.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import ar from "../../src/package/messages-ar.js";
import th from "../../src/package/messages-th.js";
import en from "../../src/package/messages.js";
import { wordsFor } from "../../src/package/words.js";
import { MemoryServer, shopProfile } from "./memory-server.mjs";
import { root } from "./project.mjs";
import { packed } from "./reference.mjs";

const { openTill } = await packed();
const languages = { en, ar, th };
const placeholders = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
const source = (file) => readFileSync(join(root, file), "utf8");
/** The words that the code of a Rust enum gives its variants: `Enum::Variant => "word"` or `(Enum::Variant, "word")`. */
const codes = (file, name) => {
  const found = [...source(file).matchAll(new RegExp(`\\b${name}::\\w+(?: =>|,) "([a-z-]+)"`, "g"))].map(([, code]) => code);
  assert.ok(found.length > 2, `${file} names the codes of ${name}`);
  return [...new Set(found)];
};

test("every code that the engine can give has its message in every language, with the same placeholders", () => {
  const kinds = [...source("src/shell/outcome.rs").matchAll(/Told::[\s\S]*?text\("kind", "([a-z-]+)"\)/g)].map(([, kind]) => kind);
  assert.ok(kinds.length >= 8, kinds.join());
  const told = [...source("src/shell/runner.rs"), ...source("src/shell/lead.rs")].join("");
  const more = [...told.matchAll(/"kind", &"([a-z-]+)"/g)].map(([, kind]) => kind);
  assert.ok(more.includes("storage") && more.includes("edit-refused"), more.join());
  const state = codes("src/core/merge/terminal.rs", "State");
  const why = codes("src/core/transaction/outcome.rs", "Why");
  const wanted = [
    ...codes("src/core/conflict.rs", "Reason").map((code) => `conflict.${code}`),
    ...codes("src/core/event.rs", "Queued").map((code) => `queued.${code}`), "queued.another-tab",
    ...codes("src/core/call.rs", "RejectionCode").map((code) => `rejected.${code}`),
    ...state.map((code) => `terminal.${code}`), "terminal.submitted.done",
    ...why.filter((code) => code !== "refused").map((code) => `transact.${code}`), "transact.no-answer", "transact.in-doubt",
    "transact.refused", "transact.shortage", "transact.insufficient",
    ...[...kinds, ...more].map((kind) => `notice.${kind}`),
  ];
  for (const [language, messages] of Object.entries(languages)) {
    for (const code of wanted) assert.ok(messages[code]?.length > 3, `${language} has ${code}`);
    assert.deepEqual(Object.keys(messages), Object.keys(en), `${language} has the same codes in the same order`);
    for (const code of Object.keys(en)) assert.deepEqual(placeholders(messages[code]), placeholders(en[code]), `${language} ${code}`);
  }
  for (const code of Object.keys(en)) {
    assert.match(ar[code], /\p{Script=Arabic}/u, code);
    assert.match(th[code], /\p{Script=Thai}/u, code);
  }
});

test("the reviewed wording of the drafts is kept where the sentence is the same", () => {
  assert.equal(th["terminal.deleted"], "ไม่มีบิลนี้แล้ว รายการของคุณยังอยู่");
  assert.equal(ar["queued.offline"], "محفوظة على هذا الجهاز. ستُرسل عند عودة الخادم.");
});

const doc = { lines: [{ id: "r1", item_name: "قهوة 250g", qty: "3" }], customer: "Walk-in" };
const profile = { tables: { lines: { row: ["id"], counter: ["qty"] } } };
const bare = (text) => text.replace(/[\u2068\u2069]/g, "");

test("each value of each message stands between its marks of isolation, in every language", async () => {
  for (const language of ["en", "ar", "th"]) {
    const words = await wordsFor({ language, profile });
    for (const [code, message] of Object.entries(languages[language])) {
      const values = Object.fromEntries(placeholders(message).map((name) => [name.slice(1, -1), `<${name.slice(1, -1)}>`]));
      const said = words.say(code, values);
      assert.equal(said, message.replace(/\{(\w+)\}/g, "\u2068<$1>\u2069"), code);
    }
  }
});

test("conflicts name the row, the values and who; a value cannot break out of its isolation", async () => {
  const conflict = { path: "lines[r1].qty", reason: "both-changed", mine: "3", theirs: "5", by: "noura" };
  const say = async (language, more) => (await wordsFor({ language, profile })).conflicts([{ ...conflict, ...more }], doc)[0];
  assert.equal((await say("en")).message, "\u2068قهوة 250g\u2069: \u20683\u2069 here, \u20685\u2069 from \u2068noura\u2069. How many?");
  assert.equal((await say("ar-SA")).message, "\u2068قهوة 250g\u2069: \u20683\u2069 هنا و\u20685\u2069 عند \u2068noura\u2069. كم الكمية؟");
  assert.equal((await say("th", { by: undefined })).message, "\u2068قهوة 250g\u2069: ที่นี่ \u20683\u2069 จาก \u2068เครื่องอื่น\u2069 \u20685\u2069 จำนวนเท่าไร");
  assert.equal((await say("en", { by: "\u2069\u202eevil" })).message.split("\u2068").at(-1), "evil\u2069. How many?");
  assert.equal(bare((await say("en", { reason: "stock", available: "2" })).message), "قهوة 250g: only 2 left. Sell 2?");
  assert.equal(bare((await say("en", { path: "customer", mine: "A", theirs: null })).message), "Customer: A or nothing?");
  assert.equal(bare((await say("en", { path: "po_no", mine: "1", theirs: "2" })).message), "po_no: 1 here, 2 from noura. Which one?");
  assert.equal(bare((await say("en", { path: "@discount", mine: { pct: "5" }, theirs: { pct: "7" } })).message),
    "Two discounts: 5 here, 7 from noura. Which one?");
  const removed = await say("en", { path: "lines[gone]", reason: "removed-against-edit", mine: null, theirs: { id: "gone", item_code: "CAKE" } });
  assert.equal(bare(removed.message), "CAKE was removed on one till and changed on another. Keep it?");
  assert.equal(removed.messageCode, "conflict.removed-against-edit");
});

test("an unknown language is English; words of the page's own come before ours", async () => {
  assert.equal((await wordsFor({ language: "fr" })).say("queued.busy"), en["queued.busy"]);
  assert.equal((await wordsFor({ language: "TH-th" })).say("queued.busy"), th["queued.busy"]);
  const messages = { fr: { "queued.busy": "Serveur occupé" }, "ar-EG": { "notice.merged": "{n}!" }, ar: { "notice.merged": "لا" } };
  assert.equal((await wordsFor({ language: "fr-CA", messages })).say("queued.busy"), "Serveur occupé");
  assert.equal((await wordsFor({ language: "ar-eg", messages })).say("notice.merged", { n: 2 }), "\u20682\u2069!");
  assert.equal((await wordsFor({ language: "ar-SA", messages })).say("notice.merged", { n: 2 }), "لا");
});

async function shop(t, options) {
  const server = new MemoryServer();
  server.put("A", { customer: "Walk-in", note: "", lines: [{ id: "r1", sku: "TEA", qty: 1, rate: "12.50" }] });
  const till = await openTill({ backend: server.backend, profile: shopProfile, till: "T1", user: "anna", store: "memory", ...options });
  t.after(() => till.close());
  return { server, till, draft: await till.open("A") };
}

test("outcomes, conflicts and notices of a till speak the language that it was opened with", async (t) => {
  const { server, till, draft } = await shop(t, { language: "ar-SA" });
  const notices = [];
  till.on("notice", (notice) => notices.push(notice));
  draft.set("customer", "Anna");
  server.elsewhere("A", (doc) => { doc.customer = "Bert"; });
  const outcome = await draft.save();
  assert.equal(outcome.message, "العميل: \u2068Anna\u2069 أم \u2068Bert\u2069؟");
  assert.equal(draft.conflicts[0].message, outcome.message);
  assert.ok(Object.isFrozen(draft.conflicts[0]) && draft.conflicts === draft.conflicts);
  draft.resolve("customer", "mine");
  await draft.save();
  draft.increment("lines[r1].qty", "1");
  server.elsewhere("A", (doc) => { doc.lines[0].qty = 5; });
  assert.equal((await draft.save()).kind, "committed");
  const merged = notices.find(({ kind }) => kind === "merged");
  assert.equal(merged.message, ar["notice.merged"].replace("{n}", `\u2068${merged.paths.length}\u2069`));
  draft.increment("lines[r1].qty", "1");
  await till.outbox.park("A");
  const parked = await draft.save();
  assert.deepEqual([parked.reason, parked.message, parked.messageCode], ["busy", ar["queued.parked"], "queued.parked"]);
});

test("what the server says when it refuses is isolated, and there by itself", async (t) => {
  const { server, draft } = await shop(t, { language: "th" });
  server.before = (name) => (name.startsWith("save") ? { kind: "rejected", code: "invalid", message: "Row #1: no rate" } : undefined);
  draft.increment("lines[r1].qty", "1");
  const outcome = await draft.save();
  assert.deepEqual([outcome.message, outcome.reason], ["เซิร์ฟเวอร์ไม่รับ: \u2068Row #1: no rate\u2069", "Row #1: no rate"]);
});
