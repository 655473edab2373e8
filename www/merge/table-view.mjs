// The four documents side by side, one line for each field that somebody changed.
import { button, el, identifier } from "./dom.mjs";
import { isNothing, shown } from "./values.mjs";
import { knows, say } from "./words.mjs";

const SIDES = ["base", "mine", "theirs", "merged"];
const OUTCOMES = ["theirs", "mine", "both", "asked", "server"];
const ROWS_MAX = 300;
/** Rows that nobody changed are shown as long as there are no more of them. */
const UNCHANGED_MAX = 6;
const FIELDS_MAX = 8;

export function tableView(sections) {
  const head = el("tr", {}, ...["field", ...SIDES, "rule"].map((name) => el("th", { scope: "col", class: `col-${name}`, word: `column.${name}` })));
  return el("div", { class: "side-by-side" },
    el("table", { class: "merge-table" }, el("thead", {}, head), ...sections.map(section)),
    legend());
}

function legend() {
  return el("ul", { class: "legend", label: "legend" },
    ...OUTCOMES.map((outcome) => el("li", {}, el("span", { class: "swatch", "data-outcome": outcome }), say(`outcome.${outcome}`))));
}

function section({ name, lines, rows, asked }) {
  const head = el("tr", { class: "section-head", "data-path": name || undefined, "data-outcome": asked ? "asked" : undefined, tabindex: "-1" },
    el("th", { scope: "rowgroup", colspan: "6" }, el("bdi", {}, name || say("document")), asked ? el("span", { class: "chip asked" }, why({ outcome: "asked", why: asked.reason })) : ""));
  return el("tbody", {}, head, ...(lines ? documentLines(lines) : tableRows(rows)));
}

function documentLines(lines) {
  const changed = lines.filter((line) => line.outcome !== "none").sort(serversLast);
  const rest = lines.filter((line) => line.outcome === "none");
  const quiet = rest.length === 0 ? [] : [el("tr", { class: "quiet-line" }, el("td", { colspan: "6" }, say("not_changed"), ": ", ...pairs(rest)))];
  return [...changed.map((line) => fieldLine(line)), ...quiet];
}

/** What people did comes first. */
function serversLast(a, b) {
  return Number(a.outcome === "server") - Number(b.outcome === "server");
}

function tableRows(rows) {
  const unchanged = rows.filter((row) => row.outcome === "none");
  const fold = unchanged.length > UNCHANGED_MAX;
  const drawn = fold ? rows.filter((row) => row.outcome !== "none") : rows;
  const lines = drawn.slice(0, ROWS_MAX).flatMap(rowLines);
  if (drawn.length > ROWS_MAX) lines.push(note(say("too_many", { n: drawn.length - ROWS_MAX })));
  if (!fold) return lines;
  const line = note(say(unchanged.length === 1 ? "unchanged_rows.one" : "unchanged_rows", { n: unchanged.length }), " ");
  line.firstChild.append(button({ class: "go", word: "show_rows", on: { click: () => unfold(line, unchanged) } }));
  return [...lines, line];
}

function unfold(line, rows) {
  const lines = rows.slice(0, ROWS_MAX).flatMap(rowLines);
  if (rows.length > ROWS_MAX) lines.push(note(say("too_many", { n: rows.length - ROWS_MAX })));
  line.replaceWith(...lines);
}

function note(...parts) {
  return el("tr", { class: "quiet-line" }, el("td", { colspan: "6" }, ...parts));
}

function rowLines(row) {
  if (row.isWhole) return [wholeRow(row)];
  const changed = row.lines.filter((line) => line.outcome !== "none").sort(serversLast);
  const rest = row.lines.filter((line) => line.outcome === "none" && line.rule !== "identity" && line.values[3] !== row.title);
  const quiet = changed.length === 0 ? [say("not_changed"), rest.length > 0 ? ": " : ""] : [];
  const head = el("tr", { class: "row-head", "data-path": row.path, "data-outcome": row.outcome, tabindex: "-1" },
    el("th", { scope: "rowgroup", colspan: "6" }, ...rowName(row), " ", el("span", { class: "quiet" }, ...quiet, ...pairs(rest))));
  return [head, ...changed.map((line) => fieldLine(line))];
}

function rowName({ name, title }) {
  return [el("bdi", { class: "row-id" }, name), ...(title ? [" ", el("bdi", { class: "row-title" }, title)] : [])];
}

/** Name and value of each, in a few words. */
function pairs(lines) {
  const value = ({ values: [base, , theirs, merged] }) => merged ?? theirs ?? base;
  const present = lines.filter((line) => !isNothing(value(line)));
  const parts = present.slice(0, FIELDS_MAX).map((line) => pair(line.name, value(line)));
  return present.length > FIELDS_MAX ? [...parts, el("span", { class: "pair" }, say("more", { n: present.length - FIELDS_MAX }))] : parts;
}

function pair(name, value) {
  return el("span", { class: "pair" }, identifier(name, "pair-name"), " ", el("bdi", {}, shown(value)));
}

function fieldLine(line) {
  const cells = line.values.map((value, side) => cell(line, SIDES[side], value === undefined ? absent() : text(value)));
  return tableLine(line, [identifier(line.name)], cells);
}

function wholeRow(row) {
  const cells = row.values.map((value, side) => cell(row, SIDES[side], value ? rowPairs(value, row.title) : absent()));
  const line = tableLine(row, rowName(row), cells);
  line.classList.add("whole");
  return line;
}

/** A row in one cell; what its name says already is left out. */
function rowPairs(row, title) {
  const told = [...row].filter(([, value]) => value !== title);
  return told.length > 0 ? told.map(([name, value]) => pair(name, value)) : [el("bdi", {}, title)];
}

function tableLine(line, name, cells) {
  return el("tr", { class: "line", "data-path": line.path, "data-outcome": line.outcome, tabindex: "-1" },
    el("th", { scope: "row" }, ...name), ...cells,
    el("td", { class: "rule" }, el("bdi", { class: "chip" }, ruleName(line.rule)), " ", el("bdi", { class: "why", dir: line.detail ? "ltr" : undefined }, line.detail ?? why(line))));
}

function cell(line, side, content) {
  const changed = side === "merged" ? line.outcome !== "none" : line.changed?.[side];
  const isServers = line.outcome === "server";
  const tint = !changed ? undefined : side === "merged" || isServers ? line.outcome : side;
  return el("td", { class: `cell ${side}`, "data-tint": tint, "data-side": say(`column.${side}`) }, ...content);
}

function absent() {
  return [el("span", { class: "absent", label: "absent", role: "img" }, "–")];
}

function text(value) {
  return [el("bdi", { class: value === "" || value === null ? "absent" : "value" }, value === "" ? say("empty_text") : shown(value))];
}

function ruleName(rule) {
  return knows(`rule.${rule}`) ? say(`rule.${rule}`) : rule;
}

function why(line) {
  return say(line.outcome === "asked" ? `why.asked.${line.why}` : `why.${line.why}`);
}

/** Brings the line of a path into sight: its own, or that of the row or group that holds it. */
export function showPath(root, path) {
  const lines = [...root.querySelectorAll("tr[data-path]")];
  const at = (wanted) => lines.find((line) => line.dataset.path === wanted);
  const inside = lines.find((line) => line.dataset.path.startsWith(path.replace(/@\w*$/, "")) && line.dataset.outcome === "asked");
  const line = at(path) ?? (path.includes("@") ? inside : undefined) ?? at(path.replace(/\.[^.\]]*$/, ""));
  if (!line) return;
  line.scrollIntoView({ block: "center" });
  line.focus({ preventScroll: true });
}
