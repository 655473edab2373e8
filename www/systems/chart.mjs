// Rates over time, as lines.
import { svg, words } from "./dom.mjs";

/** Of how long each point speaks. */
const BUCKET_MS = 500;

/** Events of these kinds, per second. `only` may leave events out. */
export function perSecond(run, kinds, only = () => true) {
  return buckets(run, (events) => count(events, kinds, only) * 1000 / BUCKET_MS);
}

/** Of all tries, how many in a hundred were conflicts. */
export function conflictRate(run, saved, only = () => true) {
  return buckets(run, (events) => {
    const conflicts = count(events, ["conflicts"], only);
    const tries = conflicts + count(events, [saved], only);
    return tries === 0 ? 0 : 100 * conflicts / tries;
  });
}

/** `lines`: `{ label, className, points }`. */
export function chart({ x, y, width, height, unit, lines }) {
  const length = Math.max(8, ...lines.map(({ points }) => points.length));
  const top = Math.max(4, ...lines.flatMap(({ points }) => points));
  const place = (value, index) => `${(x + index * width / (length - 1)).toFixed(1)},${(y + height - value * height / top).toFixed(1)}`;
  return svg("g", { class: "chart" },
    svg("path", { class: "axis", d: `M${x},${y}V${y + height}H${x + width}` }),
    words(x - 6, y + 8, String(Math.ceil(top)), { "text-anchor": "end" }),
    words(x - 6, y + height, "0", { "text-anchor": "end" }),
    words(x + width, y + height + 16, `${(length * BUCKET_MS / 1000).toFixed(0)} s`, { "text-anchor": "end" }),
    words(x, y - 8, unit),
    ...lines.map(({ className, points }) => svg("polyline", { class: className, points: points.map(place).join(" ") })),
    ...lines.map(({ label, className }, index) => svg("g", { class: `legend ${className}` },
      svg("path", { d: `M${x + width - 130 * (index + 1)},${y - 12}h16` }),
      words(x + width - 130 * (index + 1) + 22, y - 8, label))));
}

function buckets(run, of) {
  const end = run.ended ?? run.now;
  const found = Array.from({ length: Math.ceil(end / BUCKET_MS) || 1 }, () => []);
  for (const event of run.events) found[Math.floor(event.at / BUCKET_MS)]?.push(event);
  return found.map(of);
}

function count(events, kinds, only) {
  return events.filter((event) => kinds.includes(event.kind) && only(event)).length;
}
