// Whether a result is the right one, and if not, what it lost: a wrong merge is not timed as if it were a merge.

const content = ["qty", "posa_notes", "discount_percentage"];
const isAmount = (value) => typeof value === "number" || (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value));

/** The order of fields means nothing, in the tables of taxes and payments either. */
function sorted(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}

/** Amounts by value, null and "" and absent alike; a sum made in floats differs from the exact one. */
function same(a, b) {
  if (isAmount(a) && isAmount(b)) return Number(a) === Number(b);
  return JSON.stringify(sorted(a || null)) === JSON.stringify(sorted(b || null));
}

/**
 * Answers null, or in words what is wrong. Positions (`idx`) do not count: some number them anew and others leave that to the
 * request, as `name`, which the server gives, is absent from new rows.
 */
export function wrong(expected, bytes) {
  let found;
  try {
    found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return `not JSON (${error.message})`;
  }
  if (!Array.isArray(found?.items)) return "no rows at all";
  const counts = new Map();
  const count = (what, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by);
  for (const name of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    if (name !== "items" && !same(expected[name], found[name])) count("header fields");
  }
  const rows = new Map();
  for (const row of found.items) {
    if (rows.has(row.posa_row_id)) count("rows twice");
    rows.set(row.posa_row_id, row);
  }
  for (const row of expected.items) compareRows(row, rows.get(row.posa_row_id), count);
  const known = new Set(expected.items.map((row) => row.posa_row_id));
  const extra = [...rows.keys()].filter((id) => !known.has(id)).length;
  if (extra > 0) count("removed rows back", extra);
  const order = (document) => document.items.map((row) => row.posa_row_id).join();
  if (counts.size === 0 && order(expected) !== order(found)) count("order of rows");
  if (counts.size === 0) return null;
  return [...counts].map(([what, number]) => `${number} ${what}`).join(", ");
}

function compareRows(row, found, count) {
  if (found === undefined) {
    count("rows lost");
    return;
  }
  for (const name of new Set([...Object.keys(row), ...Object.keys(found)])) {
    if (name === "idx" || same(row[name], found[name])) continue;
    if (name === "qty") count("quantities");
    else if (content.includes(name)) count("notes or discounts");
    else count("fields of the server");
  }
}
