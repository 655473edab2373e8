// The shapes on the time line. Colours are in timeline.css, by class.
import { otherTill } from "./shop.mjs";

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 172;
const lanes = { "till-1": 40, server: 88, "till-2": 136 };
/** Labels stand on the outer side of a till's lane. */
const outside = { "till-1": -14, server: 0, "till-2": 22 };
let mirrored = false;

export function canvas() {
  const svg = shape(null, "svg", { role: "img", height: HEIGHT });
  for (const lane of Object.keys(lanes)) {
    shape(svg, "line", { class: `lane ${lane}`, y1: lanes[lane], y2: lanes[lane] });
  }
  shape(svg, "g", { class: "marks" });
  return svg;
}

export function clear(svg) {
  svg.lastChild.replaceChildren();
}

/** Shows what lies between `start` and `end`; in a right-to-left page time runs leftwards. */
export function frame(svg, start, end, rightToLeft) {
  mirrored = rightToLeft;
  const width = end - start;
  svg.setAttribute("width", width);
  svg.setAttribute("viewBox", `${mirrored ? -end : start} 0 ${width} ${HEIGHT}`);
  for (const line of svg.querySelectorAll(".lane")) {
    line.setAttribute("x1", at(start));
    line.setAttribute("x2", at(end));
  }
}

export function group(svg) {
  return shape(svg.lastChild, "g", {});
}

export function dot(parent, x, lane, kind, r = 4.5) {
  shape(parent, "circle", { class: `dot ${kind}`, cx: at(x), cy: lanes[lane], r });
}

export function ring(parent, x, lane, kind) {
  shape(parent, "circle", { class: `ring ${kind}`, cx: at(x), cy: lanes[lane], r: 8 });
  dot(parent, x, lane, kind, 3);
}

export function cross(parent, x, lane, kind) {
  crossAt(parent, { x, y: lanes[lane] }, kind);
}

function crossAt(parent, { x, y }, kind) {
  shape(parent, "path", { class: `cross ${kind}`, d: `M${at(x - 5)} ${y - 5}L${at(x + 5)} ${y + 5}M${at(x + 5)} ${y - 5}L${at(x - 5)} ${y + 5}` });
}

export function sign(parent, x, lane, text, kind) {
  shape(parent, "circle", { class: `sign ${kind}`, cx: at(x), cy: lanes[lane], r: 10 });
  shape(parent, "text", { class: "sign-text", x: at(x), y: lanes[lane] + 4 }, text);
}

/** A message from lane to lane; its head touches the mark it arrives at. */
export function arrow(parent, { x, from, to, flight, kind }) {
  const up = Math.sign(lanes[to] - lanes[from]);
  const end = { x: x + flight - 3, y: lanes[to] - up * 7 };
  shape(parent, "line", { class: `message ${kind}`, x1: at(x), y1: lanes[from], x2: at(end.x), y2: end.y });
  head(parent, end, { x, y: lanes[from] }, kind);
}

function head(parent, end, start, kind) {
  const length = Math.hypot(end.x - start.x, end.y - start.y);
  const [dx, dy] = [(end.x - start.x) / length, (end.y - start.y) / length];
  const back = { x: end.x - dx * 7, y: end.y - dy * 7 };
  const side = (sign) => `${at(back.x - sign * dy * 3.5)} ${back.y + sign * dx * 3.5}`;
  shape(parent, "path", { class: `head ${kind}`, d: `M${at(end.x)} ${end.y}L${side(1)}L${side(-1)}Z` });
}

/** A message that stops half-way. */
export function broken(parent, { x, from, to, flight, kind }) {
  const middle = { x: x + flight / 2, y: (lanes[from] + lanes[to]) / 2 };
  shape(parent, "line", { class: `message ${kind}`, x1: at(x), y1: lanes[from], x2: at(middle.x), y2: middle.y });
  crossAt(parent, middle, "in-doubt");
}

/** Two strands become one: the other till's from the server's side, the own one from outside. */
export function joining(parent, x, lane) {
  const y = lanes[lane];
  const inward = Math.sign(lanes.server - y);
  const strand = (side, kind) => shape(parent, "path", {
    class: `strand ${kind}`,
    d: `M${at(x - 24)} ${y + side * 11}C${at(x - 10)} ${y + side * 11} ${at(x - 12)} ${y} ${at(x)} ${y}`,
  });
  strand(inward, otherTill(lane));
  strand(-inward * 0.8, lane);
  shape(parent, "path", { class: "diamond merged", d: `M${at(x - 7)} ${y}L${at(x)} ${y - 7}L${at(x + 7)} ${y}L${at(x)} ${y + 7}Z` });
}

export function waitLine(parent, from, to, lane) {
  shape(parent, "line", { class: "wait-line", x1: at(from), x2: at(to), y1: lanes[lane], y2: lanes[lane] });
}

export function label(parent, x, lane, text, kind = "") {
  shape(parent, "text", { class: `label ${kind}`, x: at(x), y: lanes[lane] + outside[lane] }, text);
}

/** The new stamp's last digits, beside the server's mark, on the side without arrows. */
export function stamp(parent, x, lane, text) {
  const digits = /\d{3}$/.exec(text ?? "")?.[0];
  if (digits) shape(parent, "text", { class: "stamp-label", x: at(x), y: lanes.server + (lane === "till-1" ? 19 : -11) }, `…${digits}`);
}

function at(x) {
  return mirrored ? -x : x;
}

function shape(parent, name, attributes, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}
