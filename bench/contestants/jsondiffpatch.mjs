import { create } from "jsondiffpatch";

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const differ = create({ objectHash: (row) => row.posa_row_id ?? row.name, cloneDiffValues: true });

export default {
  name: "jsondiffpatch",
  short: "jsondiffpatch",
  kind: "npm",
  package: "jsondiffpatch",
  note: "diff(base, mine) held, patch(theirs, diff); rows are matched by id in the diff, but patched by position",
  prepare(base, mine) {
    this.delta = differ.diff(JSON.parse(decoder.decode(base)), JSON.parse(decoder.decode(mine.document)));
  },
  merge(theirs) {
    return encoder.encode(JSON.stringify(differ.patch(JSON.parse(decoder.decode(theirs)), this.delta)));
  },
};
