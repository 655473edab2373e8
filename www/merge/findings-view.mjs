// The verdict, and what merge() says beside the document: questions, what came in, what was
// reapplied, what is worth telling, what is left.
import { button, el, identifier } from "./dom.mjs";
import { asValue } from "./run.mjs";
import { shown } from "./values.mjs";
import { knows, say } from "./words.mjs";

const SHOWN_MAX = 40;
const VALUES = ["base", "mine", "theirs", "provisional", "again", "paid", "due", "available", "by"];

/** The kind for the page: the merge's, or a question if the answer to the save made one. */
export function verdictView({ result, conflicts }) {
  const kind = conflicts.length > 0 ? "conflict" : result.kind;
  const extra = result.needsReprice ? [el("span", { class: "chip reprice", word: "needs_reprice" })] : [];
  return el("div", { class: "verdict-line" }, el("p", { class: "verdict-chip", "data-kind": kind, "data-state": result.state }, sentence(kind, result, conflicts)), ...extra);
}

export function refusedView(message) {
  return el("div", { class: "verdict-line" }, el("p", { class: "verdict-chip", "data-kind": "refused", word: "verdict.refused" }), el("p", { class: "refusal" }, message));
}

function sentence(kind, result, conflicts) {
  if (kind === "merged") return say("verdict.merged");
  if (kind === "conflict") return say(conflicts.length === 1 ? "verdict.conflict.one" : "verdict.conflict", { n: conflicts.length });
  return say(result.alreadyDone ? "verdict.done" : `verdict.${result.state}`);
}

/** `show(path)` is called for a path that somebody wants to see in the table. */
export function findingsView({ result, conflicts }, show) {
  const ended = result.kind === "terminal";
  const place = (path) => el("li", {}, pathButton(path, show));
  return el("div", { class: "findings" },
    ...block("questions", conflicts, (conflict) => question(conflict, show)),
    ...block("leftovers", result.leftover ?? [], leftover),
    ...block("notices", result.notices, (notice) => el("li", {}, noticeText(notice))),
    ...(ended ? [] : block("incoming", result.incoming, place, "none_incoming")),
    ...(ended ? [] : block("reapplied", result.reapplied, place, "none_reapplied")));
}

function block(name, entries, draw, empty) {
  if (entries.length === 0 && !empty) return [];
  const drawn = entries.slice(0, SHOWN_MAX).map(draw);
  if (entries.length > SHOWN_MAX) drawn.push(el("li", { class: "quiet" }, say("more", { n: entries.length - SHOWN_MAX })));
  const content = drawn.length > 0 ? el("ul", { class: name === "incoming" || name === "reapplied" ? "places" : undefined }, ...drawn) : el("p", { class: "quiet", word: empty });
  return [el("section", { class: `finding ${name}` }, el("h3", { word: name }), content)];
}

function pathButton(path, show) {
  return button({ class: "path", on: { click: () => show(path) } }, identifier(path));
}

function question(conflict, show) {
  const values = VALUES.filter((name) => conflict[name] !== undefined).flatMap((name) =>
    [el("dt", { word: `value.${name}` }), el("dd", { class: `of-${name}` }, ...members(asValue(conflict[name])))]);
  return el("li", { class: "question", "data-path": conflict.path, "data-reason": conflict.reason },
    el("p", { class: "question-head" }, pathButton(conflict.path, show), " ", el("code", { class: "reason" }, conflict.reason)),
    el("p", { class: "question-text", word: `ask.${conflict.reason}` }),
    el("dl", {}, ...values));
}

/** A value; the fields of an object one below the other. */
function members(value) {
  if (value === null) return [el("span", { class: "absent" }, "–")];
  if (!(value instanceof Map)) return [el("bdi", {}, shown(value))];
  return [...value].map(([name, member]) => el("span", { class: "pair" }, identifier(name, "pair-name"), " ", el("bdi", {}, shown(member))));
}

function leftover(row) {
  const { table, row: name, ...rest } = row;
  return el("li", {}, el("bdi", { class: "row-id" }, `${table}[${name}]`), " ", ...members(asValue(rest)));
}

function noticeText(notice) {
  const key = `notice.${notice.kind}`;
  if (!knows(key)) return shown(asValue(notice));
  return say(key, notice) + (notice.token ? say("notice.token", notice) : "");
}
