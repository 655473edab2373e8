// Run by run.mjs as a process of its own, so that what it measures shares no heap with anything else. Prints JSON; says on
// stderr how far it is.
import { nodeClock } from "../measure/node-clock.mjs";
import { measureDrafts } from "../measure/drafts.mjs";
import { describeContestants, restamp, runCase } from "./case.mjs";

const { cases, patience, drafts } = JSON.parse(process.argv[2]);
const { clock, name, overhead } = nodeClock();
const done = [];
for (const describe of cases) {
  const result = await runCase(describe, { clock, overhead, patience });
  process.stderr.write(`  Node: ${result.title}\n`);
  done.push(result);
}
const contestants = await describeContestants();
const draft = await measureDrafts(restamp, { clock, overhead }, drafts);
process.stdout.write(JSON.stringify({ engine: `Node ${process.versions.node}`, clock: name, contestants, cases: done, draft }));
