import * as restamp from "../../pkg/restamp.js";

const { prepareMerge } = restamp;

export default {
  name: "Restamp, base and mine held",
  short: "Restamp",
  kind: "restamp",
  note: prepareMerge
    ? "prepareMerge(base, mine, profile).merge(theirs), the result copied out"
    : "this build has no prepareMerge: mergeBytes, which reads all three anew at every call",
  load: () => restamp.init(),
  prepare(base, mine, profile) {
    // Memory of the module is not collected at once: the last job's is given back by hand.
    this.prepared?.free?.();
    this.given = [base, { ops: mine.ops }, profile];
    this.prepared = prepareMerge?.(...this.given);
  },
  merge(theirs) {
    if (this.prepared) return this.prepared.merge(theirs).bytes;
    const [base, mine, profile] = this.given;
    return restamp.mergeBytes(base, mine, theirs, profile).bytes;
  },
};
