// What the lock-step merge holds of base and mine: where every field of base stands, and my edits in the order of those places.
//
// A "text" is how the walk sees a document, so that it is one for strings and for bytes: `length`, `code(at)`,
// `slice(from, to)` as a string, `agreeing(at, other, otherAt)`: how many characters are equal from there on, and
// `skip(at)`: the end of the value that begins there.
import { changesOf } from "../rules/changes.mjs";
import { decided, isServers, rulesOf } from "../rules/fields.mjs";

const quote = 34, comma = 44, closing = 125, colon = 58;
const open = 91;

/** What happens where the walk passes a place of base. */
export const EDIT = 0, DROP_FROM = 1, DROP_TO = 2, APPEND = 3;
/** What a change of theirs in a field means to the walk. */
export const CLIENT = 1, DECISION = 2, LIFE = 4, ROW_ID = 8;

/** Answers null where the text is not compact, or the edits are of kinds that the walk does not know. */
export function held(text, ops, profile) {
  const table = profile.tables.items;
  const changes = changesOf(ops);
  const index = changes && indexOf(text, { header: rulesOf(profile), row: rulesOf(table) }, profile, table);
  if (!index) return null;
  const events = [];
  for (const [name, change] of changes.header) {
    const field = index.header.names.indexOf(name);
    if (field < 0) return null;
    events.push(edit(text, index.header, field, index.rules.header(name), change, -1));
  }
  for (const [id, fields] of changes.rows) {
    const row = index.rowOf.get(JSON.stringify(id));
    if (row === undefined) return null;
    for (const [name, change] of fields) {
      let field = index.fieldsFrom[row];
      while (field < index.fieldsFrom[row + 1] && index.names[index.nameOf[field]] !== name) field++;
      if (field === index.fieldsFrom[row + 1]) return null;
      events.push(edit(text, index, field, index.rules.row(name), change, row));
    }
  }
  for (const id of changes.removed) {
    const row = index.rowOf.get(JSON.stringify(id));
    if (row === undefined) return null;
    events.push({ kind: DROP_FROM, at: index.rowStart[row], row }, { kind: DROP_TO, at: index.rowEnd[row], row });
  }
  if (changes.inserted.length > 0) {
    const rows = changes.inserted.map((row) => JSON.stringify(row)).join(",");
    events.push({ kind: APPEND, at: index.itemsEnd, row: -1, ready: rows });
  }
  events.sort((a, b) => a.at - b.at);
  const inserted = new Set(changes.inserted.map((row) => JSON.stringify(row[table.row[0]])));
  return { text, index, events, inserted, removes: changes.removed.size };
}

/** An edit is due when the walk has passed the value and what delimits it. `ready`: the result if theirs did not touch it. */
function edit(text, { valueStart, valueEnd }, field, rule, change, row) {
  const [from, to] = [valueStart[field], valueEnd[field]];
  const base = JSON.parse(text.slice(from, to));
  return { kind: EDIT, at: to + 1, row, field, from, to, rule, change, base, ready: JSON.stringify(decided(rule, change, base, base)) };
}

function indexOf(text, rules, profile, table) {
  const header = { names: [], valueStart: [], valueEnd: [], means: [] };
  const index = {
    header, rules, names: [], nameOf: [], means: [], valueStart: [], valueEnd: [],
    rowStart: [], rowEnd: [], fieldsFrom: [], rowOf: new Map(), itemsStart: -1, itemsEnd: -1, itemsField: -1,
  };
  const ends = new Set([...profile.identity, ...profile.frozen, profile.lifecycle.field]);
  const numbers = new Map();
  const decisions = new Set([...table.price.fields, ...table.price.reprice, ...table.measure.unit]);
  const meaning = (name) => {
    const owned = isServers(rules.row(name)) ? 0 : CLIENT;
    return owned | (decisions.has(name) ? DECISION : 0) | (name === table.row[0] ? ROW_ID : 0);
  };
  const number = (name) => {
    if (!numbers.has(name)) {
      numbers.set(name, index.names.push(name) - 1);
      index.means.push(meaning(name));
    }
    return numbers.get(name);
  };

  const whole = members(text, 0, (name, from, to) => {
    header.names.push(name);
    header.means.push(ends.has(name) ? LIFE : 0);
    header.valueStart.push(from);
    header.valueEnd.push(to);
  });
  index.itemsField = header.names.indexOf("items");
  if (whole !== text.length || index.itemsField < 0) return null;
  index.itemsStart = header.valueStart[index.itemsField];
  index.itemsEnd = header.valueEnd[index.itemsField];
  if (text.code(index.itemsStart) !== open) return null;

  for (let at = index.itemsStart + 1; at < index.itemsEnd - 1;) {
    const row = index.rowStart.push(at) - 1;
    index.fieldsFrom.push(index.nameOf.length);
    at = members(text, at, (name, from, to) => {
      const known = number(name);
      index.nameOf.push(known);
      index.valueStart.push(from);
      index.valueEnd.push(to);
      if (index.means[known] & ROW_ID) index.rowOf.set(text.slice(from, to), row);
    });
    if (at < 0) return null;
    index.rowEnd.push(at);
    if (text.code(at) === comma) at++;
  }
  index.fieldsFrom.push(index.nameOf.length);
  // Without an id of its own each, rows cannot be told from each other.
  if (index.rowStart.length === 0 || index.rowOf.size !== index.rowStart.length) return null;
  return index;
}

/** Tells the members of the object at `at` and answers its end; -1 if it is not compact. */
function members(text, at, tell) {
  if (text.code(at + 1) === closing) return at + 2;
  for (;;) {
    if (text.code(at + 1) !== quote) return -1;
    const nameEnd = text.skip(at + 1);
    if (text.code(nameEnd) !== colon) return -1;
    const valueEnd = text.skip(nameEnd + 1);
    tell(JSON.parse(text.slice(at + 1, nameEnd)), nameEnd + 1, valueEnd);
    if (text.code(valueEnd) === closing) return valueEnd + 1;
    if (text.code(valueEnd) !== comma) return -1;
    at = valueEnd;
  }
}
