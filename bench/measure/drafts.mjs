// One edit of a draft of 1,000 rows, as a scanner makes it, and the snapshot that a page asks for afterwards.
import { invoice } from "../invoices/document.mjs";
import { median } from "./rounds.mjs";

const rows = 1000;

/** `clock()` in ms, and what reading it twice costs. Answers times and whether a snapshot shares the rows that did not change with the one before. */
export async function measureDrafts(restamp, { clock, overhead }, { edits, blocks }) {
  const document = invoice(rows, 7);
  const backend = {
    guarantees: { compareAndSet: "atomic", token: "native", transactions: false, leases: false, sequences: false, changes: false, apply: false },
    load: async () => ({ kind: "loaded", doc: document, stamp: document.modified }),
    save: async () => ({ kind: "unavailable", applied: "no" }),
  };
  const till = await restamp.openTill({ backend, profile: restamp.profiles.salesInvoice, till: "bench", user: "bench", store: "memory" });
  const draft = await till.open(document.name);
  const paths = document.items.map((row) => `items[${row.posa_row_id}].qty`);
  const warm = Math.min(edits, 200);
  for (let edit = 0; edit < warm; edit++) draft.increment(paths[edit % rows], "1");

  const times = [];
  for (let block = 0; block < blocks; block++) {
    const from = clock();
    for (let edit = 0; edit < edits; edit++) draft.increment(paths[(block * edits + edit * 7) % rows], "1");
    times.push((clock() - from - overhead) / edits);
    await draft.durable();
  }

  const snapshots = [];
  let before = draft.doc;
  let rebuilt = 0;
  for (let time = 0; time < 15; time++) {
    draft.increment(paths[time * 31], "1");
    const from = clock();
    const after = draft.doc;
    snapshots.push(clock() - from - overhead);
    rebuilt = after.items.filter((row, at) => row !== before.items[at]).length;
    before = after;
  }
  await till.close();
  return { rows, editMicroseconds: median(times) * 1000, snapshotMs: median(snapshots), rowsRebuilt: rebuilt };
}
