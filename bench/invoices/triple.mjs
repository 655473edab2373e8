// One base, what two tills made of it, and what must come out. Nothing here is a conflict: both sides raise
// quantities and write notes, on the same rows too, and neither removes what the other edited.
import { different, drawer } from "./draw.mjs";
import { invoice, priced, rowMaker, totalled } from "./document.mjs";

const later = "2026-03-03 08:21:17.004519";
const other = "sami@qahwa.example";
const copy = (value) => JSON.parse(JSON.stringify(value));
// Quantities have three decimals at most: exact as whole thousandths.
const plus = (a, b) => (Math.round(a * 1000) + Math.round(b * 1000)) / 1000;
const lines = (...texts) => texts.filter((text) => text !== "").join("\n");

/** `share`: the part of the rows that each side edits. `stamped`, `renumbered`: what the server does to every row. */
export function triple({ rows, share, seed, arabic = false, stamped = false, renumbered = false }) {
  const base = invoice(rows, seed, arabic);
  const draw = drawer(seed + 1);
  const edited = Math.max(1, Math.round(rows * share));
  const few = Math.max(1, Math.round(edited * 0.03));
  // The first rows of both lists are the same: what each side does to them must meet.
  const both = edited >= 4 ? 2 : 1;
  const picked = different(draw, rows, both + Math.min(rows - both, 2 * few));
  const shared = picked.slice(0, both);
  const gone = new Set(picked.slice(both));
  const mineGone = [...gone].slice(0, few);
  const theirsGone = [...gone].slice(few);
  const others = () => different(draw, rows, rows).filter((at) => !gone.has(at) && !shared.includes(at));
  const mineRows = [...shared, ...others()].slice(0, edited);
  const theirsRows = [...shared, ...others()].slice(0, edited);
  const meetings = new Map(shared.map((at, nth) => [at, ["raise", "note"][nth]]));
  const kind = (at, chances) => {
    const chance = draw.next();
    return meetings.get(at) ?? chances.find(([, until]) => chance < until)[0];
  };

  const theirs = copy(base);
  theirsRows.forEach((at) => {
    const row = theirs.items[at];
    if (kind(at, [["raise", 0.65], ["note", 1]]) === "raise") row.qty = plus(row.qty, stepOf(row));
    else row.posa_notes = "well done, no onions";
    Object.assign(priced(row), { modified: later, modified_by: other });
  });
  const newRow = rowMaker(draw, arabic);
  theirs.items = theirs.items.filter((_, at) => !theirsGone.includes(at));
  for (let at = 0; at < few; at++) theirs.items.push(Object.assign(newRow(rows + 1 + at), { modified: later, modified_by: other }));
  if (stamped) theirs.items.forEach((row) => Object.assign(row, { modified: later, modified_by: other }));
  if (renumbered) theirs.items.forEach((row, at) => { row.idx = at + 1; });
  Object.assign(totalled(theirs), { modified: later, modified_by: other, custom_mutation_id: "m-5d02e7719c0c4f3a" });

  const { ops, lay } = changesOfMine({ base, draw, mineRows, mineGone, kind, few, newRow });
  return { base, theirs, ops, mine: lay(base), expected: lay(theirs) };
}

function stepOf(row) {
  return row.uom === "Kg" ? 0.1 : 1;
}

/** My edits as the till records them, and a function that lays them over a document: the oracle of the benchmark. */
function changesOfMine({ base, draw, mineRows, mineGone, kind, few, newRow }) {
  const ops = [];
  const edits = new Map();
  for (const at of mineRows) {
    const row = base.items[at];
    const path = `items[${row.posa_row_id}]`;
    const does = kind(at, [["raise", 0.6], ["note", 0.85], ["discount", 1]]);
    if (does === "raise") {
      ops.push({ op: "increment", path: `${path}.qty`, by: String(stepOf(row)) });
      edits.set(row.posa_row_id, (now) => { now.qty = plus(now.qty, stepOf(row)); });
    } else if (does === "note") {
      ops.push({ op: "set", path: `${path}.posa_notes`, value: "to share" });
      edits.set(row.posa_row_id, (now) => { now.posa_notes = lines(now.posa_notes, "to share"); });
    } else {
      ops.push({ op: "set", path: `${path}.discount_percentage`, value: 12.5 });
      edits.set(row.posa_row_id, (now) => { now.discount_percentage = 12.5; });
    }
  }
  ops.push({ op: "set", path: "posa_notes", value: "Table by the window" });
  const removed = new Set(mineGone.map((at) => base.items[at].posa_row_id));
  for (const row of removed) ops.push({ op: "remove", table: "items", row });
  const added = Array.from({ length: few }, () => withoutServer(newRow(0)));
  for (const row of added) ops.push({ op: "insert", table: "items", row });
  const lay = (document) => {
    const now = copy(document);
    now.posa_notes = lines(now.posa_notes, "Table by the window");
    now.items = now.items.filter((row) => !removed.has(row.posa_row_id));
    now.items.forEach((row) => edits.get(row.posa_row_id)?.(row));
    now.items.push(...copy(added));
    return now;
  };
  return { ops, lay };
}

/** A row as a till adds it: the server names, stamps and computes. */
function withoutServer(row) {
  const { posa_row_id, item_code, item_name, qty, uom, conversion_factor, rate, price_list_rate, warehouse } = row;
  return { posa_row_id, item_code, item_name, qty, uom, conversion_factor, rate, price_list_rate, discount_percentage: 0, warehouse, posa_notes: "" };
}
