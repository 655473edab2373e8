// The result read where it lies in the module's memory, until the next call: for a request body that is sent at once.
import * as restamp from "../../pkg/restamp.js";

export default {
  name: "Restamp, base and mine held, result as a view",
  short: "Restamp, as a view",
  kind: "restamp",
  note: "prepareMerge(base, mine, profile).mergeView(theirs)",
  load: () => restamp.init(),
  isOffered() {
    const tiny = restamp.prepareMerge?.(new TextEncoder().encode('{"items":[]}'), { ops: [] }, restamp.profiles.salesInvoice);
    return typeof tiny?.mergeView === "function";
  },
  prepare(base, mine, profile) {
    this.prepared?.free?.();
    this.prepared = restamp.prepareMerge(base, { ops: mine.ops }, profile);
  },
  merge(theirs) {
    return this.prepared.mergeView(theirs).bytes;
  },
};
