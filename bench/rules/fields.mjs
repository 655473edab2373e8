// What the plain JavaScript merges know of a profile: the rules that the edits of this benchmark need, per field.
import { compare, sum } from "./decimal.mjs";

/** Of a profile or of one of its tables: a function from a field's name to its rule. */
export function rulesOf(level) {
  const named = new Map(Object.entries(level.fields ?? {}));
  const wildcards = [];
  for (const rule of ["text", "counter", "set", "money", "frozen", "server", "system"]) {
    for (const name of level[rule] ?? []) {
      if (name.endsWith("*")) wildcards.push([name.slice(0, -1), rule]);
      else named.set(name, rule);
    }
  }
  for (const name of [level.serverRow, level.position]) if (name !== undefined) named.set(name, "system");
  for (const name of level.serverTables ?? []) named.set(name, "server");
  for (const name of ["owner", "creation", "modified", "modified_by", "docstatus", "doctype"]) {
    // Frappe stamps rows as it stamps documents.
    if (!named.has(name)) named.set(name, "system");
  }
  return (name) => {
    if (!named.has(name)) named.set(name, wildcards.find(([start]) => name.startsWith(start))?.[1] ?? level.otherwise ?? "ask");
    return named.get(name);
  };
}

/** Fields whose change by the server is nobody's edit. */
export const isServers = (rule) => rule === "server" || rule === "system";

const isEmpty = (value) => value === undefined || value === null || value === "";

export function same(a, b) {
  if (a === b || (isEmpty(a) && isEmpty(b))) return true;
  if (typeof a === "object" || typeof b === "object") return JSON.stringify(a) === JSON.stringify(b);
  return compare(a, b) === 0;
}

/** The value of a field after my change, or undefined where only a person can decide. */
export function decided(rule, change, base, theirs) {
  if (isServers(rule)) return theirs;
  const untouched = same(base, theirs);
  if (change.step !== undefined) return stepped(rule, change.step, base, theirs, untouched);
  if (untouched) return change.value;
  if (rule === "text") return joined(base, change.value, theirs);
  return same(change.value, theirs) ? theirs : undefined;
}

function stepped(rule, step, base, theirs, untouched) {
  const text = sum(theirs ?? 0, step);
  if (text === null) return undefined;
  if (!untouched) {
    if (rule !== "counter" && rule !== "money") return undefined;
    const bothUp = compare(step, 0) > 0 && compare(theirs ?? 0, base ?? 0) > 0;
    if (!bothUp && same(sum(base ?? 0, step), theirs)) return theirs;
    if (!bothUp && compare(text, 0) <= 0) return undefined;
  }
  return typeof (theirs ?? base) === "string" ? text : Number(text);
}

const linesOf = (text) => (text ?? "").split("\n").map((line) => line.trimEnd()).filter((line) => line !== "");

/** Theirs, then my new lines. */
function joined(base, mine, theirs) {
  const old = linesOf(base);
  const newest = linesOf(theirs);
  const fresh = linesOf(mine).filter((line) => !old.includes(line) && !newest.includes(line));
  return [...newest, ...fresh].join("\n");
}
