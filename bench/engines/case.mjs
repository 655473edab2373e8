// What Node and the browser do alike: one case from its documents to its medians.
import { contestants } from "../contestants/index.mjs";
import { documents, title } from "../invoices/cases.mjs";
import { wrong } from "../invoices/same.mjs";
import * as restamp from "../../pkg/restamp.js";
import { measureCase } from "../measure/rounds.mjs";

/** Those that this build of the package has, with the module loaded, once for all cases. */
export async function offered() {
  await restamp.init();
  return contestants.filter((contestant) => contestant.isOffered?.() ?? true);
}

export async function runCase(describe, { clock, overhead, patience }) {
  const job = documents(describe);
  const results = await measureCase({
    contestants: await offered(), job, profile: restamp.profiles.salesInvoice, wrong, clock, overhead, patience, describe,
  });
  return {
    ...describe, title: title(describe), results,
    bytes: { base: job.base.length, mine: job.mine.length, theirs: job.theirs.length }, edits: job.ops.length,
  };
}

export const describeContestants = async () =>
  (await offered()).map(({ name, short, kind, note, package: from }) => ({ name, short, kind, note, package: from }));

export { restamp };
