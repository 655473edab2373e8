// The four documents side by side: which fields and rows there are, what became of each, and why.
import { rulesOf } from "./rules.mjs";
import { isNothing, same, sum } from "./values.mjs";

/**
 * Sections for the table: the document's own fields, then each table. `documents` are base, mine,
 * theirs and merged as Maps (theirs null if the server has it no more); `conflicts` are merge()'s.
 */
export function compare({ documents, profile, conflicts, isEnded }) {
  const { header, tables } = rulesOf(profile);
  const ended = { is: isEnded, gone: documents[2] === null };
  const asked = new Map(conflicts.map((conflict) => [conflict.path, conflict]));
  const [base, mine, theirs, merged] = documents.map((document) => document ?? new Map());
  const order = [merged, theirs, base, mine];
  const sides = [base, mine, theirs, merged];
  const names = namesOf(order).filter((name) => !tables.has(name));
  const lines = names.map((name) => field(name, "", sides, header, asked, ended));
  const sections = [{ name: "", lines, asked: undefined }];
  for (const [name, rules] of tables) {
    const rows = sides.map((document) => rules.rows(document.get(name)));
    const found = namesOf([rows[3], rows[2], rows[0], rows[1]]);
    if (found.length === 0) continue;
    const compared = found.map((row) => oneRow(name, row, rows.map((side) => side.get(row)), rules, asked, ended));
    sections.push({ name, rows: compared, asked: asked.get(name) });
  }
  return sections;
}

function namesOf(maps) {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))];
}

/** One field of the document or, with a prefix such as "items[r1].", of a row. */
function field(name, prefix, sides, rules, asked, ended) {
  const values = sides.map((side) => side.get(name));
  const question = questionFor(name, prefix, rules, asked);
  const [base, mine, theirs] = values;
  const changed = { mine: !same(base, mine), theirs: !ended.gone && !same(base, theirs) };
  let rule = rules.rule(name);
  if (question?.path.endsWith("@measure")) rule = "@measure";
  const path = prefix + name;
  const isAsked = question && (changed.mine || changed.theirs || question.path === path);
  const isAlone = question?.path.includes("@") ? changed.mine !== changed.theirs : question?.path !== path;
  const outcome = isAsked ? { outcome: "asked", why: isAlone ? "together" : question.reason } : outcomeOf({ values, rule, changed, ended });
  return { path, name, values, rule, changed, question, ...outcome };
}

function questionFor(name, prefix, rules, asked) {
  for (const [path, conflict] of asked) {
    const rest = path.startsWith(prefix) ? path.slice(prefix.length) : "";
    if (rest && rules.covers(rest, name)) return conflict;
  }
  return undefined;
}

/** What became of a field: `outcome` for its colour, `why` for the words, `detail` for a sum. */
function outcomeOf({ values, rule, changed, ended }) {
  const [base, mine, theirs, merged] = values;
  const any = changed.mine || changed.theirs;
  if (!any && (ended.gone || same(base, merged))) return { outcome: "none", why: "none" };
  if (rule === "system" || rule === "server") return { outcome: "server", why: "server" };
  if (ended.is) return { outcome: changed.theirs ? "theirs" : "left", why: changed.theirs ? "theirs" : "left" };
  if (!any) return { outcome: "both", why: "computed" };
  if (changed.mine && changed.theirs) return bothChanged(rule, [base, mine, theirs, merged]);
  const side = changed.mine ? "mine" : "theirs";
  if (same(merged, changed.mine ? mine : theirs)) return { outcome: side, why: side };
  return changed.mine ? { outcome: "theirs", why: "stands" } : { outcome: "mine", why: "replaced" };
}

function bothChanged(rule, [base, mine, theirs, merged]) {
  if (rule === "counter" || rule === "money") {
    const detail = sum(base, mine, theirs, merged);
    if (detail) return { outcome: "both", why: "sum", detail };
  }
  if (same(mine, theirs) && same(merged, mine)) return { outcome: "both", why: "agreed" };
  if (rule === "counter" || rule === "money") return { outcome: "both", why: "recognised" };
  if (["text", "set", "max", "min"].includes(rule)) return { outcome: "both", why: rule };
  if (same(merged, mine)) return { outcome: "mine", why: "replaced" };
  if (same(merged, theirs)) return { outcome: "theirs", why: "stands" };
  return { outcome: "both", why: "computed" };
}

function oneRow(table, name, rows, rules, asked, ended) {
  const path = `${table}[${name}]`;
  const [base, mine, theirs, merged] = rows;
  const shownRow = merged ?? theirs ?? mine ?? base;
  const derived = rows.some((row) => row && rules.isDerived(row));
  const sides = rows.map((row) => row ?? new Map());
  const names = namesOf([sides[3], sides[2], sides[0], sides[1]]);
  const lines = names.map((cell) => field(cell, `${path}.`, sides, rules, asked, ended));
  const common = { path, name, title: rules.title(shownRow, name), question: asked.get(path), lines, rows };
  const own = (row) => row && new Map([...row].filter(([key, value]) => !rules.isServers(key) && !isNothing(value) && rules.rule(key) !== "identity"));
  const twins = !base && lines.every((line) => rules.isServers(line.name) || same(line.values[1], line.values[2]));
  if (mine && theirs && merged && !twins && !common.question && !derived) {
    const changed = lines.some((line) => line.outcome !== "none");
    return { ...common, isWhole: false, outcome: changed ? "changed" : "none" };
  }
  const changed = {
    mine: Boolean(base) !== Boolean(mine) || Boolean(mine) && lines.some((line) => line.changed.mine),
    theirs: !ended.gone && Boolean(base) !== Boolean(theirs) || Boolean(theirs) && lines.some((line) => line.changed.theirs && !rules.isServers(line.name)),
  };
  return { ...common, isWhole: true, changed, values: rows.map(own), rule: derived ? "derived" : "rows", ...rowOutcome(rows, common.question, derived, ended) };
}

function rowOutcome([base, mine, theirs, merged], question, derived, ended) {
  if (question) return { outcome: "asked", why: question.reason };
  if (derived) return { outcome: "server", why: merged ? "derived" : "rebuilt" };
  if (ended.is) return { outcome: theirs ? "theirs" : "left", why: theirs ? "theirs" : "left" };
  if (!base && mine && theirs) return { outcome: "both", why: "once" };
  if (!base) return mine ? { outcome: "mine", why: "added_mine" } : { outcome: "theirs", why: "added_theirs" };
  if (!mine && !theirs) return { outcome: "both", why: "removed_both" };
  return mine ? { outcome: "theirs", why: "removed_theirs" } : { outcome: "mine", why: "removed_mine" };
}
