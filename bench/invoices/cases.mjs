// What is merged: sizes, shares of edited rows, and what a server may do to a document beside the edits.
import { encode } from "./document.mjs";
import { triple } from "./triple.mjs";

const seed = 20260303;

// Beside the plain case; `from` is the number of rows that it is measured at, where not at all of them.
const variants = {
  stamped: { triple: { stamped: true }, says: "the server changed every row's stamp" },
  renumbered: { triple: { renumbered: true }, says: "the server renumbered the rows", only: 1000 },
  reordered: { encode: { sorted: true }, says: "the server sorted the fields", only: 1000 },
  pretty: { encode: { pretty: true }, says: "the server reformatted the text", only: 1000 },
  arabic: { triple: { arabic: true }, says: "names in Arabic beside English", only: 1000 },
  cold: { cold: true, says: "base and mine are read for the first time too" },
};

/** The cases for these numbers of rows, as plain data: they go to the browser as they are. */
export function cases(sizes, quick) {
  return sizes.flatMap((rows) => {
    // One row of ten is the least that can be edited.
    const shares = rows < 100 ? [0.1] : [0.01, 0.1];
    const plain = shares.map((share) => ({ rows, share, variant: null }));
    const others = Object.entries(variants)
      .filter(([name, { only }]) => (only === undefined || rows === only) && (!quick || name === "cold" || rows === 1000))
      .map(([name]) => ({ rows, share: shares[0], variant: name }));
    return [...plain, ...others];
  });
}

export function title({ rows, share, variant }) {
  return `${rows.toLocaleString("en")} rows, ${share * 100} %${variant ? `, ${variant}` : ""}`;
}

export const explanations = Object.fromEntries(Object.entries(variants).map(([name, { says }]) => [name, says]));

/** The documents of a case. The variants of the encoding concern the server's answer only: base came as it always does. */
export function documents({ rows, share, variant }) {
  const how = variants[variant] ?? {};
  const { base, theirs, ops, mine, expected } = triple({ rows, share, seed, ...how.triple });
  return {
    base: encode(base), theirs: encode(theirs, how.encode), mine: encode(mine), ops, expected, cold: how.cold === true,
  };
}
