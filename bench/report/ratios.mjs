// What the figures of a case say about each other.

const isRight = (result) => result?.ms !== undefined && result.wrong === undefined;

export const handWritten = "hand-written keyed merge (JavaScript)";
export const floor = "copy in, compare, copy out";
const asView = "Restamp, base and mine held, result as a view";
const copied = "Restamp, base and mine held";

/** The figures of a case by what they are compared with; undefined where a contestant is missing or wrong. */
export function ratiosOf({ variant, results }) {
  const cold = variant === "cold";
  // A request body is sent from where it lies; like is compared with like where the bound copies out too.
  const ours = results[asView] ?? results[copied];
  const peers = Object.entries(results).filter(([, { kind, ms }]) => kind === "npm" && ms !== undefined);
  const fastest = (entries) => entries.reduce((best, entry) => (best && best[1].ms <= entry[1].ms ? best : entry), undefined);
  const right = fastest(peers.filter(([, result]) => isRight(result)));
  const any = fastest(peers);
  const times = (one, other) => (isRight(one) && other?.ms !== undefined ? other.ms / one.ms : undefined);
  const over = (other) => times(ours, other);
  const bound = times(results[copied], results[floor]);
  return {
    ours: ours?.ms,
    problem: ours?.problem ?? (ours?.wrong && `wrong: ${ours.wrong}`),
    hand: results[handWritten]?.ms,
    overHand: over(results[handWritten]),
    copiedOverHand: times(results[copied], results[handWritten]),
    peer: right && { name: right[0], ms: right[1].ms },
    overPeer: over(right?.[1]),
    anyPeer: any && { name: any[0], ms: any[1].ms, wrong: any[1].wrong },
    overAnyPeer: over(any?.[1]),
    // How many times the lower bound: the other way round, and nothing to compare where base and mine must be read too.
    aboveFloor: cold || bound === undefined ? undefined : 1 / bound,
  };
}

/** The measures that the merge is to reach (least ratio to the hand-written merge and the best peer, most above the floor). */
export function measures({ rows, share, variant }) {
  if (variant === "cold") return { hand: rows >= 1000 ? 10 : 5 };
  if (variant === "stamped") return { hand: 15 };
  if (variant === "reordered" || variant === "pretty") return { hand: 3 };
  if (variant !== null) return {};
  if (rows < 100) return { hand: 8 };
  return { hand: 15, peer: 25, floor: share < 0.05 ? 2 : 3 };
}

export function figure(value) {
  if (value === undefined) return "–";
  if (value >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}
