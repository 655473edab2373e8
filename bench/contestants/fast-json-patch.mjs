import * as jsonpatch from "fast-json-patch/index.mjs";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export default {
  name: "fast-json-patch",
  short: "fast-json-patch",
  kind: "npm",
  package: "fast-json-patch",
  note: "compare(base, mine) held, applyPatch(theirs, patch); rows are named by position",
  prepare(base, mine) {
    this.patch = jsonpatch.compare(JSON.parse(decoder.decode(base)), JSON.parse(decoder.decode(mine.document)));
  },
  merge(theirs) {
    // The copy is what its README advises: rows of the patch become part of the document.
    const { newDocument } = jsonpatch.applyPatch(JSON.parse(decoder.decode(theirs)), jsonpatch.deepClone(this.patch));
    return encoder.encode(JSON.stringify(newDocument));
  },
};
