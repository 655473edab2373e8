// System 2: no locks. Conflicts and merges over time, and every row that was acknowledged.
import { acknowledge, billFacts, COLLECTION, createBill, edited, editWithRestamp, rowMarks, THINK_MS } from "./bill.mjs";
import { chart, perSecond } from "./chart.mjs";
import { openPage } from "./frame.mjs";
import { think } from "./time.mjs";

const EDITS = 5;
const [WIDTH, HEIGHT] = [720, 320];

openPage({
  title: "2 No locks: conflicts, merged",
  lead: "Tills add rows to one bill at the same time. A save that comes too late is a conflict; watch what becomes of it.",
  original: [
    "ERPNext POS without locks: no false “being updated by another user” any more, but every real conflict is an error dialog for the cashier. Nothing retries, nothing merges: the row is typed again, or forgotten.",
  ],
  ours: [
    "One request while nobody interferes. A stale save reloads the bill, lays its row over the newest copy and is sent again, at times chosen so that many tills do not meet again. Only what cannot be decided is asked; here that is nothing.",
  ],
  view: [WIDTH, HEIGHT],
  tills: 6,
  modes: [["ours", "Restamp"], ["original", "as the original did"]],
  counts: [["saved", "saves"], ["conflicts", "conflicts"], ["merged", "merged"], ["errors", "error dialogs"], ["requests", "requests"]],
  prepare: createBill,
  work: (run, station) => (run.mode === "ours" ? editWithRestamp(run, station, EDITS, { strategy: "optimistic" }) : original(run, station)),
  async facts(run) {
    const facts = await billFacts(run);
    const forgotten = run.count("errors");
    return run.mode === "ours" ? facts : [...facts, { id: "forgotten", label: "rows to type again", value: forgotten, wrong: forgotten > 0 }];
  },
  describe: (run) => `${run.count("saved")} saves, ${run.count("conflicts")} conflicts, ${run.count("merged")} merges`,
  draw,
});

async function original(run, station) {
  for (let edit = 1; edit <= EDITS && !run.stopped; edit += 1) {
    const line = `${station.number}.${edit}`;
    try {
      const opened = await station.server.get(COLLECTION, run.bill);
      await think(THINK_MS);
      const answer = await station.server.put(COLLECTION, run.bill, edited(opened.doc, line), opened.stamp);
      if (answer.status === 200) acknowledge(run, station, line);
      else run.note("errors", station); // "Please refresh to get the latest document"
    } catch {
      run.note("errors", station);
    }
  }
}

function draw(run) {
  return [
    chart({ x: 50, y: 34, width: 650, height: 110, unit: "per second", lines: [
      { label: "conflicts", className: "line-bad", points: perSecond(run, ["conflicts"]) },
      { label: "merges", className: "line-both", points: perSecond(run, ["merged"]) },
      { label: "saves", className: "line-good", points: perSecond(run, ["saved"]) },
    ] }),
    ...rowMarks(run, { x: 20, y: 192, columns: 25 }),
  ];
}
