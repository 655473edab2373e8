import * as restamp from "../../pkg/restamp.js";

export default {
  name: "Restamp, mergeBytes",
  short: "Restamp, mergeBytes",
  kind: "restamp",
  note: "mergeBytes(base, { ops }, theirs, profile): all three are read at every call",
  load: () => restamp.init(),
  prepare(base, mine, profile) {
    this.base = base;
    this.mine = { ops: mine.ops };
    this.profile = profile;
  },
  merge(theirs) {
    return restamp.mergeBytes(this.base, this.mine, theirs, this.profile).bytes;
  },
};
