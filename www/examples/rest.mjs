// Any server with ETag and If-Match: two tills, one order, nothing lost.  node rest.mjs [server]
import { openTill, rest } from "restamp";

const url = globalThis.process?.argv[2] ?? "";
const profile = {
  createTokenField: "token",
  system: ["id", "version"],
  tables: { lines: { row: ["line"], counter: ["qty"] } },
};
const open = (name) => openTill({ backend: rest({ url, path: "/rest/invoices" }), profile, till: name, user: name });
const [bar, terrace] = await Promise.all([open("bar"), open("terrace")]);

const mine = await bar.create({ table: "7", lines: [{ line: "a", item: "TEA", qty: "1" }] });
const { key } = await mine.save();
const theirs = await terrace.open(key);

mine.increment("lines[a].qty", "1");
theirs.increment("lines[a].qty", "1");
await mine.save();
const outcome = await theirs.save();

console.log(outcome.kind, "attempts", outcome.attempts, "qty", theirs.get("lines[a].qty"));
await Promise.all([bar.close(), terrace.close()]);
