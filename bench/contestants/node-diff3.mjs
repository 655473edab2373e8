import { diff3Merge } from "node-diff3";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A field of the header a line, then a row a line. */
function linesOf(bytes) {
  const { items, ...header } = JSON.parse(decoder.decode(bytes));
  const fields = Object.entries(header).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return [...fields, "items", ...items.map((row) => JSON.stringify(row))];
}

export default {
  name: "node-diff3, a row a line",
  short: "node-diff3",
  kind: "npm",
  package: "node-diff3",
  note: "lines of base and mine held; where it sees a conflict (rows edited by both, or near each other), theirs is taken",
  prepare(base, mine) {
    this.base = linesOf(base);
    this.mine = linesOf(mine.document);
  },
  merge(theirs) {
    const lines = diff3Merge(linesOf(theirs), this.base, this.mine).flatMap((block) => block.ok ?? block.conflict.a);
    const table = lines.indexOf("items");
    const items = lines.slice(table + 1).join(",");
    return encoder.encode(`{${lines.slice(0, table).join(",")},"items":[${items}]}`);
  },
};
