// The keyed three-way merge as a good JavaScript team writes it: the answer is parsed once, the rows that I changed are found by
// their ids, and only their fields are compared; what comes out is written once. No copies of what did not change.
import { changesOf } from "./changes.mjs";
import { decided, isServers, rulesOf, same } from "./fields.mjs";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Holds base and mine; answers the merge of a server's answer, bytes to `{ bytes, conflicts }`. */
export function keyed(baseBytes, ops, profile) {
  const base = JSON.parse(decoder.decode(baseBytes));
  const changes = changesOf(ops);
  if (changes === null) throw new Error("the hand-written merge knows edits of the header and of items only");
  const table = profile.tables.items;
  const [id] = table.row;
  const rules = { header: rulesOf(profile), row: rulesOf(table) };
  const touched = new Map();
  for (const row of base.items) {
    if (changes.rows.has(row[id]) || changes.removed.has(row[id])) touched.set(row[id], row);
  }
  const inserted = new Set(changes.inserted.map((row) => row[id]));

  return (bytes) => {
    const theirs = JSON.parse(decoder.decode(bytes));
    if (ended(base, theirs, profile)) return { bytes, conflicts: [{ path: "", reason: "terminal" }] };
    const conflicts = [];
    const seen = new Set();
    const rows = [];
    for (const row of theirs.items) {
      const key = row[id];
      if (inserted.has(key)) conflicts.push({ path: `items[${key}]`, reason: "same-row-id" });
      const before = touched.get(key);
      if (before === undefined) {
        rows.push(row);
        continue;
      }
      seen.add(key);
      if (changes.removed.has(key)) {
        if (!isEdited(before, row, rules.row)) continue;
        conflicts.push({ path: `items[${key}]`, reason: "removed-against-edit" });
      } else {
        const path = `items[${key}].`;
        if (isOneDecision(changes.rows.get(key), before, row, table)) conflicts.push({ path, reason: "one-decision" });
        else layOver(changes.rows.get(key), before, row, rules.row, path, conflicts);
      }
      rows.push(row);
    }
    for (const [key] of changes.rows) {
      if (seen.has(key)) continue;
      conflicts.push({ path: `items[${key}]`, reason: "removed-against-edit" });
      if (touched.has(key)) rows.push(touched.get(key));
    }
    for (const row of changes.inserted) rows.push(row);
    theirs.items = rows;
    layOver(changes.header, base, theirs, rules.header, "", conflicts);
    return { bytes: encoder.encode(JSON.stringify(theirs)), conflicts };
  };
}

function ended(base, theirs, profile) {
  const { field, submitted, cancelled = [] } = profile.lifecycle;
  return [...submitted, ...cancelled].includes(theirs[field]) || profile.identity.some((name) => base[name] !== theirs[name]);
}

/** Whether a till changed the row: what the server computes and stamps is nobody's edit. */
export function isEdited(before, now, ruleOf) {
  for (const name in now) if (!isServers(ruleOf(name)) && !same(before[name], now[name])) return true;
  return false;
}

/** The server repriced what I discounted, or one changed the unit and the other the quantity. */
function isOneDecision(mine, before, now, { price, measure }) {
  const theirsChanged = (names) => names.some((name) => !same(before[name], now[name]));
  const mineChanged = (names) => names.some((name) => mine.has(name));
  return (mineChanged(price.fields) && theirsChanged([...price.fields, ...price.reprice]))
    || (mineChanged([measure.quantity]) && theirsChanged(measure.unit))
    || (mineChanged(measure.unit) && theirsChanged([measure.quantity]));
}

function layOver(mine, before, now, ruleOf, path, conflicts) {
  for (const [name, change] of mine) {
    const value = decided(ruleOf(name), change, before[name], now[name]);
    if (value === undefined) conflicts.push({ path: path + name, reason: "both-changed" });
    else now[name] = value;
  }
}
