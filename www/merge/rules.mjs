// A profile as the page needs it: which rule a field follows and what a row is called. This repeats
// what the engine does with a profile, only to put words to it; the engine alone decides.
import { Digits } from "./json-text.mjs";
import { compact, isNothing, same } from "./values.mjs";

const LISTS = ["system", "server", "frozen", "text", "counter", "money", "set"];

/** The rules of a profile that merge() has accepted. */
export function rulesOf(profile) {
  const system = [
    ...list(profile.system), ...list(profile.identity), ...list(profile.tokenField),
    ...list(profile.createTokenField), ...list(profile.lifecycle?.field),
  ];
  const header = new Rules(profile, "ask");
  header.add(system, "system");
  header.add(list(profile.serverTables), "server");
  const tables = new Map(Object.entries(profile.tables ?? {})
    .map(([name, table]) => [name, new TableRules(table, system, profile.otherwise ?? "ask")]));
  return { header, tables };
}

/** One name, a list of names, or none. */
function list(names) {
  return names === undefined ? [] : [names].flat();
}

class Rules {
  constructor(profile, otherwise) {
    this.named = new Map();
    this.prefixes = [];
    this.groups = new Map(Object.entries(profile.groups ?? {}));
    this.otherwise = profile.otherwise ?? otherwise;
    for (const [name, rule] of Object.entries(profile.fields ?? {})) this.add([name], rule);
    if (profile.price) this.groups.set("@price", profile.price);
    this.add(list(profile.price?.fields), "@price");
    for (const rule of LISTS) this.add(list(profile[rule]), rule);
    for (const [name, group] of Object.entries(profile.groups ?? {})) this.add(group.fields, name);
    if (profile.measure) this.groups.set("@measure", { fields: [...list(profile.measure.unit), profile.measure.quantity] });
  }

  /** Of several rules for one name the first stands. */
  add(names, rule) {
    for (const name of names) {
      if (name.endsWith("*")) this.prefixes.push([name.slice(0, -1), rule]);
      else if (!this.named.has(name)) this.named.set(name, rule);
    }
  }

  /** The rule's name: "counter", "ask", "@customer". */
  rule(name) {
    return this.named.get(name) ?? this.prefixes.find(([prefix]) => name.startsWith(prefix))?.[1] ?? this.otherwise;
  }

  isServers(name) {
    return ["system", "server"].includes(this.rule(name));
  }

  /** Whether a question about `asked` (a field or a group) is about this field. */
  covers(asked, name) {
    if (asked === name) return true;
    const headed = [...this.groups.values()].find((group) => group.head !== undefined && group.head === asked);
    return Boolean((headed ?? this.groups.get(asked))?.fields.includes(name));
  }
}

class TableRules extends Rules {
  constructor(table, system, otherwise) {
    super(table, otherwise);
    this.table = table;
    this.add(table.row, "identity");
    this.add([...list(table.serverRow), ...list(table.position), ...system], "system");
  }

  /** The rows by the identity that paths use; a second one of the same name is name#2. */
  rows(value) {
    const found = new Map();
    for (const row of Array.isArray(value) ? value : []) {
      if (!(row instanceof Map)) continue;
      const given = this.identity(row);
      let name = given;
      for (let n = 2; found.has(name); n += 1) name = `${given}#${n}`;
      found.set(name, row);
    }
    return found;
  }

  identity(row) {
    const value = this.table.row.map((name) => row.get(name)).find((found) => !isNothing(found));
    if (value !== undefined) return typeof value === "string" ? value : compact(value);
    return list(this.table.fallback).map((name) => fallbackText(row.get(name))).join("|");
  }

  isDerived(row) {
    return Object.entries(this.table.derivedRowIf ?? {}).some(([field, value]) =>
      same(row.get(field), typeof value === "number" ? new Digits(String(value)) : value));
  }

  /** A word for people beside the identity: the article, the way of payment. */
  title(row, identity) {
    const names = [...list(this.table.frozen), ...list(this.table.fallback), ...this.table.row];
    const value = names.map((name) => row.get(name)).find((found) => typeof found === "string" && found !== "" && found !== identity);
    return value ?? "";
  }
}

function fallbackText(value) {
  if (isNothing(value)) return "";
  const text = value instanceof Digits ? value.text : typeof value === "string" ? value : compact(value);
  return /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, "") : text;
}
