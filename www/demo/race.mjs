// The race: two tills make 50 edits each on one bill at the same time, saving now and then. What
// the server must hold in the end follows from the plans alone.

export const tills = ["till-1", "till-2"];
export const shared = ["COFFEE", "TEA", "CAKE"];
/** On the bill from the start, removed by till 1. */
export const doomed = "WATER";
const own = { "till-1": "BURGER", "till-2": "FRIES" };
export const EDITS = 50;
const EDITS_PER_SAVE = 4;

/** The 50 edits of a till: steps on shared rows, rows of its own, and one row removed. */
export function plan(till) {
  return Array.from({ length: EDITS }, (_, number) => {
    if (number === 43) return till === "till-1" ? { do: "remove", code: doomed } : { do: "remove-own", tag: tag(till, 8) };
    if (number % 5 === 3) return { do: "add", code: own[till], tag: tag(till, number) };
    return { do: "step", code: shared[number % shared.length], by: number % 7 === 0 ? "2" : "1" };
  });
}

function tag(till, number) {
  return `${till} edit ${number}`;
}

/** What the bill must hold after both plans: quantities of shared rows, tags of own rows. */
export function expectation() {
  const quantities = Object.fromEntries(shared.map((code) => [code, 1n]));
  const tags = new Set();
  for (const till of tills) {
    for (const edit of plan(till)) {
      if (edit.do === "step") quantities[edit.code] += BigInt(edit.by);
      if (edit.do === "add") tags.add(edit.tag);
      if (edit.do === "remove-own") tags.delete(edit.tag);
    }
  }
  return { quantities, tags };
}

/** Makes the till's edits, saving in between without waiting for the answers. */
export async function run(station, { pause }) {
  const rows = new Map();
  const saves = [];
  for (const [number, edit] of plan(station.id).entries()) {
    make(station, edit, rows);
    if (number % EDITS_PER_SAVE === EDITS_PER_SAVE - 1) saves.push(station.save());
    await new Promise((resume) => setTimeout(resume, pause));
  }
  await Promise.all(saves);
  await station.settle();
}

function make(station, edit, rows) {
  const find = (code) => station.items.find((row) => row.item_code === code)?.posa_row_id;
  if (edit.do === "step") station.step(find(edit.code), edit.by);
  else if (edit.do === "add") rows.set(edit.tag, station.add(edit.code, { posa_notes: edit.tag }));
  else station.remove(edit.do === "remove" ? find(edit.code) : rows.get(edit.tag));
}

/** Compares the server's document with the plans: one line per thing counted. */
export function count(doc) {
  const { quantities, tags } = expectation();
  const lines = shared.map((code) => {
    const found = doc.items.filter((row) => row.item_code === code);
    return { code, expected: String(quantities[code]), found: found.map((row) => String(Number(row.qty))).join(" + ") };
  });
  for (const till of tills) {
    const expected = [...tags].filter((known) => known.startsWith(till));
    const found = doc.items.filter((row) => row.item_code === own[till]).map((row) => row.posa_notes);
    const exact = found.length === expected.length && expected.every((known) => found.includes(known));
    lines.push({ rowsOf: till, expected: String(expected.length), found: exact ? String(found.length) : `${found.length}: ${found}` });
  }
  const left = doc.items.filter((row) => row.item_code === doomed || row.posa_notes === tag("till-2", 8));
  lines.push({ removed: true, expected: "2", found: String(2 - left.length) });
  return lines;
}

export function holdsAll(lines) {
  return lines.every((line) => line.expected === line.found);
}
