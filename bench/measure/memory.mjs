// Run as a process of its own: what the module's memory has grown to after a merge of 10,000 rows. WebAssembly memory never
// shrinks, so its size is the peak. Prints JSON.
import { documents } from "../invoices/cases.mjs";

const rows = Number(process.argv[2] ?? 10_000);
let memory;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...given) => {
  const made = await instantiate(...given);
  memory = (made.instance ?? made).exports;
  memory = Object.values(memory).find((value) => value instanceof WebAssembly.Memory);
  return made;
};
const restamp = await import("../../pkg/restamp.js");
await restamp.init();
const empty = memory.buffer.byteLength;

const job = documents({ rows, share: 0.01, variant: null });
const size = job.base.length + job.mine.length + job.theirs.length;
const mine = { ops: job.ops };
const { salesInvoice } = restamp.profiles;
const held = restamp.prepareMerge !== undefined;
if (held) {
  const prepared = restamp.prepareMerge(job.base, mine, salesInvoice);
  for (let time = 0; time < 3; time++) prepared.merge(job.theirs);
} else {
  for (let time = 0; time < 3; time++) restamp.mergeBytes(job.base, mine, job.theirs, salesInvoice);
}
const peak = memory.buffer.byteLength;
process.stdout.write(JSON.stringify({ rows, way: held ? "prepareMerge" : "mergeBytes", empty, peak, documents: size, ratio: peak / size }));
