import { combineMergers, routeMergers, RouteWildCard, trimergeArrayCreator, trimergeJsonDeepEqual, trimergeJsonObject } from "trimerge";
import { decided, rulesOf } from "../rules/fields.mjs";
import { isEdited } from "../rules/keyed.mjs";
import { sum } from "../rules/decimal.mjs";

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const isThere = (...values) => values.every((value) => value !== undefined);

// Rows by id is what the library offers; sums and notes are ours, and come first: its own comparison takes two equal values
// for one edit, and one of two scans would be lost.
const fallThrough = combineMergers(trimergeJsonDeepEqual, trimergeJsonObject);
const counter = (base, theirs, mine) => (isThere(base, theirs, mine)
  ? decided("counter", { step: sum(mine, base < 0 ? String(-base) : `-${base}`) }, base, theirs)
  : fallThrough(base, theirs, mine));
const text = (base, theirs, mine) => (isThere(base, theirs, mine) && mine !== base
  ? decided("text", { value: mine }, base, theirs)
  : fallThrough(base, theirs, mine));

// A row that I removed and the server only stamped is gone; the library alone would refuse to merge it.
let rules;
const row = (base, theirs, mine, path, merge) => {
  if (isThere(base, theirs, mine)) return trimergeJsonObject(base, theirs, mine, path, merge);
  if (isThere(base, theirs) && !isEdited(base, theirs, rules)) return undefined;
  return fallThrough(base, theirs, mine, path);
};

const merger = combineMergers(
  routeMergers(
    [["posa_notes"], text],
    [["items"], trimergeArrayCreator((row) => row.posa_row_id)],
    [["items", RouteWildCard], row],
    [["items", RouteWildCard, "qty"], counter],
    [["items", RouteWildCard, "posa_notes"], text],
  ),
  trimergeJsonDeepEqual,
  trimergeJsonObject,
);

export default {
  name: "trimerge",
  short: "trimerge",
  kind: "npm",
  package: "trimerge",
  note: "rows by id; quantities and notes and removed rows by mergers of our own, without which it loses one of two equal steps",
  prepare(base, mine, profile) {
    rules = rulesOf(profile.tables.items);
    this.base = JSON.parse(decoder.decode(base));
    this.mine = JSON.parse(decoder.decode(mine.document));
  },
  merge(theirs) {
    return encoder.encode(JSON.stringify(merger(this.base, JSON.parse(decoder.decode(theirs)), this.mine)));
  },
};
