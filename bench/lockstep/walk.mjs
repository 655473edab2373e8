// Base and the server's answer walked side by side: while they agree nothing is read; where they differ, the index of base says
// which field it is, and only that value is read. What comes out is the answer with my edits spliced in.
import { decided } from "../rules/fields.mjs";
import { APPEND, CLIENT, DECISION, DROP_FROM, DROP_TO, EDIT, LIFE, ROW_ID } from "./held.mjs";

const comma = 44, bracket = 93;

/**
 * `out.copy(from, to)` takes a stretch of theirs, `out.put(text)` something of mine. Answers false where the two do not line up
 * or a person must decide: then all that came out so far is worthless, and the rows must be matched by id.
 */
export function walk(held, theirs, out) {
  const { text: base, index, events } = held;
  const { header, valueStart, valueEnd, rowStart, rowEnd, fieldsFrom, nameOf, means, rowOf } = index;
  const last = rowStart.length - 1;
  const tableEnd = index.itemsEnd - 1;
  let at = 0, there = 0;
  let row = 0, field = 0, headField = 0;
  let due = 0;
  let taken = 0, dropFrom = 0, left = last + 1 - held.removes;

  const splice = (from, to, value) => {
    out.copy(taken, from);
    out.put(value);
    taken = to;
  };
  const drop = (from, to) => {
    // The row goes with the comma before it; the first of what comes out, with the one after.
    const first = taken === from || theirs.code(from - 1) !== comma;
    out.copy(taken, first ? from : from - 1);
    taken = first && theirs.code(to) === comma ? to + 1 : to;
  };
  /** What is due up to this place of base, which stands `shift` further in theirs. */
  const settle = (until, shift) => {
    for (; due < events.length && events[due].at <= until; due++) {
      const event = events[due];
      if (event.kind === EDIT) splice(event.from + shift, event.to + shift, event.ready);
      else if (event.kind === DROP_FROM) dropFrom = event.at + shift;
      else if (event.kind === DROP_TO) drop(dropFrom, event.at + shift);
      else if (event.kind === APPEND) splice(event.at - 1 + shift, event.at - 1 + shift, `,${event.ready}`);
    }
  };
  /** They removed rows of base up to this place: mine may have removed them too, but not edited. */
  const skipEvents = (until) => {
    for (; due < events.length && events[due].at < until; due++) if (events[due].kind === EDIT) return false;
    return true;
  };
  /** Both changed the value at `from` (or only they did), which ends at `to` in theirs. */
  const meet = (from, to, inRow, number) => {
    if (due < events.length && events[due].kind === EDIT && events[due].row === inRow && events[due].field === number) {
      const { rule, change, base: before } = events[due++];
      const value = decided(rule, change, before, JSON.parse(theirs.slice(from, to)));
      if (value === undefined) return false;
      splice(from, to, JSON.stringify(value));
    }
    return true;
  };
  const isMineIn = (number) => {
    for (let near = due; near < events.length && events[near].at <= rowEnd[number]; near++) if (events[near].row === number) return true;
    return due > 0 && events[due - 1].row === number;
  };

  for (;;) {
    const equal = base.agreeing(at, theirs, there);
    at += equal;
    there += equal;
    if (at === base.length) {
      if (there !== theirs.length || left <= 0) return false;
      settle(at, there - at);
      out.copy(taken, there);
      return true;
    }

    if (at <= index.itemsStart || at >= index.itemsEnd) {
      while (headField < header.valueEnd.length - 1 && header.valueEnd[headField] < at) headField++;
      const from = header.valueStart[headField];
      if (at < from || headField === index.itemsField || header.means[headField] & LIFE) return false;
      const start = there - (at - from);
      const end = theirs.skip(start);
      settle(from, start - from);
      at = header.valueEnd[headField];
      there = end;
      if (theirs.code(end) !== base.code(at) || !meet(start, end, -1, headField)) return false;
      continue;
    }

    while (row < last && rowEnd[row] < at) row++;
    if (at === rowEnd[row]) {
      if (base.code(at) === comma && theirs.code(there) === bracket) {
        settle(at, there - at);
        if (!skipEvents(tableEnd)) return false;
        left -= last - row;
        at = tableEnd;
      } else if (base.code(at) === bracket && theirs.code(there) === comma) {
        settle(at, there - at);
        for (; theirs.code(there) === comma;) {
          there = newRow(held, theirs, there + 1);
          if (there < 0) return false;
        }
        if (theirs.code(there) !== bracket) return false;
      } else return false;
      continue;
    }

    if (field < fieldsFrom[row] || field >= fieldsFrom[row + 1]) field = fieldsFrom[row];
    while (field < fieldsFrom[row + 1] - 1 && valueEnd[field] < at) field++;
    const from = valueStart[field];
    if (at < from) return false;
    const start = there - (at - from);
    const meaning = means[nameOf[field]];
    if (meaning & ROW_ID) {
      const begins = there - (at - rowStart[row]);
      settle(rowStart[row] - 1, begins - rowStart[row]);
      const found = rowOf.get(theirs.slice(start, theirs.skip(start)));
      at = rowStart[row];
      there = begins;
      if (found === undefined) {
        there = newRow(held, theirs, begins);
        if (there < 0 || theirs.code(there++) !== comma) return false;
      } else {
        if (found < row || !skipEvents(rowStart[found])) return false;
        left -= found - row;
        row = found;
        at = rowStart[row];
      }
      continue;
    }
    const end = theirs.skip(start);
    // What I removed and they edited, and prices and units that both touched, are asked.
    if (meaning !== 0 && isMineIn(row)) {
      if (meaning & DECISION) return false;
      if (meaning & CLIENT && events.some((event) => event.kind === DROP_FROM && event.row === row)) return false;
    }
    settle(from, start - from);
    at = valueEnd[field];
    there = end;
    if (theirs.code(end) !== base.code(at) || !meet(start, end, row, field)) return false;
  }
}

/** The end of a row of theirs that base lacks; -1 if it is one of base that was moved, or has the id of one of mine. */
function newRow({ index, inserted }, theirs, from) {
  const end = theirs.skip(from);
  const key = `"${index.names[[...index.means].findIndex((meaning) => meaning & ROW_ID)]}":`;
  const row = theirs.slice(from, end);
  const place = row.indexOf(key);
  if (place < 0) return -1;
  const id = /^"(?:[^"\\]|\\.)*"/.exec(row.slice(place + key.length))?.[0];
  return id === undefined || index.rowOf.has(id) || inserted.has(id) ? -1 : end;
}
