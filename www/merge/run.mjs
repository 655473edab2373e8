// From texts to a result: the only module of the page that calls the package.
import { merge, mergeBytes, openTill, profiles } from "restamp";
import { parseJson } from "./json-text.mjs";

const bytes = (text) => new TextEncoder().encode(text);

/**
 * Merges. `texts` are base, mine and theirs as JSON; `answer` is the server's refusal of the save
 * that follows, where the example has one. Throws RestampError.
 */
export async function run({ texts, profile, inDoubt, expectedTotal, answer }) {
  const theirs = parseJson(texts.theirs) === null ? null : texts.theirs;
  const mine = isOps(parseJson(texts.mine)) ? JSON.parse(texts.mine) : texts.mine;
  const options = {};
  if (inDoubt) options.inDoubt = inDoubt.startsWith("{") ? { sent: inDoubt } : { token: inDoubt };
  if (expectedTotal) options.expectedTotal = expectedTotal;
  const result = merge(texts.base, mine, theirs, profile, options);
  const conflicts = answer ? await questionsAfter(answer, texts.base, mine, profile) : result.conflicts;
  const documents = [parseJson(texts.base), mineOver(texts.base, mine, profile), theirs === null ? null : parseJson(theirs), asValue(result.doc)];
  return { result, conflicts, documents };
}

export function isOps(mine) {
  return mine instanceof Map && mine.has("ops") && Array.isArray(mine.get("ops"));
}

/** What I have on the screen. With nothing of theirs, a merge gives mine: so edits become a document. */
function mineOver(base, mine, profile) {
  if (typeof mine === "string") return parseJson(mine);
  const merged = mergeBytes(bytes(base), mine, bytes(base), profile);
  return parseJson(new TextDecoder().decode(merged.bytes));
}

/** A value of the package's as this page's values. */
export function asValue(json) {
  return json === undefined ? undefined : parseJson(JSON.stringify(json));
}

/** A refusal for want of stock is an answer to a save, not to a merge: a draft is saved for it. */
async function questionsAfter(answer, base, mine, profile) {
  const doc = JSON.parse(base);
  const rows = answer.rows.map(({ row, available }) => ({ row, available }));
  const backend = {
    guarantees: { compareAndSet: "atomic", token: "none", transactions: true, leases: false, sequences: false, changes: false, apply: false },
    load: async () => ({ kind: "loaded", stamp: doc.modified, doc }),
    save: async () => ({ kind: "rejected", code: answer.rejected, message: answer.rejected, rows }),
  };
  const till = await openTill({ backend, profile, till: "page", user: "page", store: "memory" });
  try {
    const draft = await till.open(doc.name);
    for (const edit of mine.ops) draft.set(edit.path, edit.value);
    await draft.save();
    return [...draft.conflicts];
  } finally {
    await till.close();
  }
}

/** The ready-made profiles by name. */
export const readyMade = new Map(Object.entries(profiles));

/** "tables.items.row" and what was expected there, from the message of a RestampError. */
export function mistakeIn(error) {
  const [, path = "", expected = error.message] = /^restamp: profile\.(.*?): (.*)$/s.exec(error.message) ?? [];
  return { path, expected };
}

/** The editor that a RestampError is about, if it says so. */
export function editorOf(error) {
  if (error.code === "invalid-profile") return "profile";
  const [, name] = /^restamp: (base|mine|theirs|ops)\b/.exec(error.message) ?? [];
  return name === "ops" || (!name && ["unknown-path", "unknown-row", "row-exists", "not-a-decimal", "read-only"].includes(error.code)) ? "mine" : name;
}

