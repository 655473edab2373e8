// One bill that all tills write on: each adds rows of its own. A row has its identity, so that also
// after a lost answer there is nothing to ask.
import { svg, words } from "./dom.mjs";
import { Feed } from "./feed.mjs";
import { think, wait } from "./time.mjs";

export const COLLECTION = "bills";
/** How long a cashier looks at the open bill. */
export const THINK_MS = 300;
export const profile = {
  system: ["id", "version"],
  tables: { lines: { row: ["line"] } },
};

export async function createBill(run) {
  run.bill = `bill-${run.id}`;
  run.acknowledged = [];
  run.feed = new Feed(COLLECTION, run.id);
  await run.feed.opened;
  await run.server.create(COLLECTION, { id: run.bill, run: run.id, lines: [] });
}

/** `edits` edits with Restamp. */
export async function editWithRestamp(run, station, edits, till) {
  const engine = await run.open(station, COLLECTION, { till: { profile, ...till } });
  for (let edit = 1; edit <= edits && !run.stopped; edit += 1) {
    const line = `${station.number}.${edit}`;
    const draft = await engine.open(run.bill);
    await think(THINK_MS);
    draft.insert("lines", { line, item: "TEA" });
    const outcome = await draft.save();
    if (outcome.kind === "conflict") {
      run.note("asked", station);
      throw new Error(`asked about ${outcome.conflicts.map(({ path }) => path)}`);
    }
    // What is queued goes out by itself.
    while (draft.status !== "clean") await wait(20);
    run.acknowledged.push(line);
    run.note("saved", station);
  }
}

/** The edit as the originals have it: a whole document. */
export function edited(doc, line) {
  return { ...doc, lines: [...doc.lines, { line, item: "TEA" }] };
}

export function acknowledge(run, station, line) {
  run.acknowledged.push(line);
  run.note("saved", station);
}

/** Rows of the bill at the server, in its order, and dashed those that were acknowledged and are not there. */
export function rowMarks(run, { x, y, columns }) {
  const held = run.feed?.docs.get(run.bill)?.lines.map(({ line }) => line) ?? [];
  const lost = run.acknowledged?.filter((line) => !held.includes(line)) ?? [];
  const marks = [...held, ...lost].map((line, index) => {
    const station = run.stations[Number(line.split(".")[0]) - 1];
    const [left, top] = [x + (index % columns) * 27, y + 12 + Math.floor(index / columns) * 25];
    const isLost = index >= held.length;
    return svg("g", { class: "bar", style: `--hue: ${station.hue}` }, svg("title", {}, `row ${line} of ${station.name}${isLost ? ": lost" : ""}`),
      svg("rect", { class: isLost ? "gap" : null, x: left, y: top, width: 23, height: 20, rx: 4 }),
      words(left + 11, top + 14, String(station.number), { "text-anchor": "middle" }));
  });
  const missing = lost.length > 0 ? `, acknowledged but not there: ${lost.length}` : "";
  return [words(x, y, `rows on the bill at the server: ${held.length}${missing}`, { class: lost.length > 0 ? "is-bad" : "quiet" }), ...marks];
}

/** What the server holds against what tills were told. */
export async function billFacts(run) {
  const { doc } = await run.server.get(COLLECTION, run.bill);
  const held = doc.lines.map(({ line }) => line);
  const lost = run.acknowledged.filter((line) => !held.includes(line)).length;
  const twice = held.length - new Set(held).size;
  return [
    { id: "saved", label: "saves acknowledged", value: run.acknowledged.length },
    { id: "lost", label: "of these lost", value: lost, wrong: lost > 0 },
    { id: "twice", label: "rows twice", value: twice, wrong: twice > 0 },
    { id: "rows", label: "rows on the bill", value: held.length },
    { id: "errors", label: "error dialogs", value: run.count("errors"), wrong: run.count("errors") > 0 },
  ];
}
