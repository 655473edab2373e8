// What the figures of a case say about each other.

const isRight = (result) => result?.ms !== undefined && result.wrong === undefined;

export const handWritten = "hand-written keyed merge (JavaScript)";
export const floor = "copy in, compare, copy out";

/** The figures of a case by what they are compared with; undefined where a contestant is missing or wrong. */
export function ratiosOf({ variant, results }) {
  const cold = variant === "cold";
  const ours = results[cold ? "Restamp, mergeBytes" : "Restamp, base and mine held"];
  const peers = Object.entries(results).filter(([, { kind, ms }]) => kind === "npm" && ms !== undefined);
  const fastest = (entries) => entries.reduce((best, entry) => (best && best[1].ms <= entry[1].ms ? best : entry), undefined);
  const right = fastest(peers.filter(([, result]) => isRight(result)));
  const any = fastest(peers);
  const over = (other) => (isRight(ours) && other?.ms !== undefined ? other.ms / ours.ms : undefined);
  return {
    ours: ours?.ms,
    problem: ours?.problem ?? (ours?.wrong && `wrong: ${ours.wrong}`),
    hand: results[handWritten]?.ms,
    overHand: over(results[handWritten]),
    peer: right && { name: right[0], ms: right[1].ms },
    overPeer: over(right?.[1]),
    anyPeer: any && { name: any[0], ms: any[1].ms, wrong: any[1].wrong },
    overAnyPeer: over(any?.[1]),
    // How many times the lower bound: the other way round, and nothing to compare where base and mine must be read too.
    aboveFloor: cold || over(results[floor]) === undefined ? undefined : 1 / over(results[floor]),
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
