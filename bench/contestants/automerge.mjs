import * as automerge from "@automerge/automerge";

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const parse = (bytes) => JSON.parse(decoder.decode(bytes));

/** Documents come as JSON: what a side did must be found and told to its fork. */
function tell(draft, before, after) {
  for (const name of Object.keys(after)) {
    if (name !== "items" && JSON.stringify(before[name]) !== JSON.stringify(after[name])) draft[name] = after[name];
  }
  const known = new Map(after.items.map((row) => [row.posa_row_id, row]));
  for (let at = before.items.length - 1; at >= 0; at--) {
    const row = before.items[at];
    const now = known.get(row.posa_row_id);
    if (now === undefined) draft.items.splice(at, 1);
    else for (const name of Object.keys(now)) if (now[name] !== row[name]) draft.items[at][name] = now[name];
    known.delete(row.posa_row_id);
  }
  for (const row of known.values()) draft.items.push(row);
}

export default {
  name: "Automerge, two forks",
  short: "Automerge",
  kind: "npm",
  package: "@automerge/automerge",
  note: "up to 1,000 rows, plain cases; base and my fork held. Its Counter holds whole numbers, so quantities are plain values and one of two steps is lost",
  runs: ({ rows, variant }) => rows <= 1000 && variant === null,
  prepare(base, mine) {
    this.before = parse(base);
    // Named actors, so that the same side wins every time.
    this.base = automerge.from(this.before, { actor: "aa" });
    this.mine = automerge.change(automerge.clone(this.base, { actor: "bb" }), (draft) => tell(draft, this.before, parse(mine.document)));
  },
  merge(bytes) {
    const theirs = automerge.change(automerge.clone(this.base, { actor: "cc" }), (draft) => tell(draft, this.before, parse(bytes)));
    const merged = automerge.merge(theirs, this.mine);
    const text = JSON.stringify(merged);
    automerge.free(merged);
    return encoder.encode(text);
  },
};
