// The edits of a till, grouped by the place that they change.
import { sum } from "./decimal.mjs";

/**
 * A change is `{ step }` (increments, added up) or `{ value }` (typed). Answers null where an edit is not of the kinds that the
 * plain JavaScript merges of this benchmark know: moves, edits of other tables, values taken away.
 */
export function changesOf(ops) {
  const changes = { header: new Map(), rows: new Map(), removed: new Set(), inserted: [] };
  for (const op of ops) {
    if (op.op === "insert" && op.table === "items" && op.after === undefined) changes.inserted.push(op.row);
    else if (op.op === "remove" && op.table === "items") changes.removed.add(op.row);
    else if (op.op === "set" || op.op === "increment") {
      const place = placeOf(op.path, changes);
      if (place === null) return null;
      place.fields.set(place.field, op.op === "set" ? { value: op.value } : stepped(place.fields.get(place.field), op.by));
    } else return null;
  }
  return changes;
}

function placeOf(path, changes) {
  const cell = /^items\[([^\]]+)\]\.(\w+)$/.exec(path);
  if (cell === null) return /^\w+$/.test(path) ? { fields: changes.header, field: path } : null;
  const [, row, field] = cell;
  if (!changes.rows.has(row)) changes.rows.set(row, new Map());
  return { fields: changes.rows.get(row), field };
}

function stepped(before, by) {
  if (before === undefined) return { step: by };
  const total = sum(before.step ?? before.value, by);
  return before.step === undefined ? { value: Number(total) } : { step: total };
}
