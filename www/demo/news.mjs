// What came in from the other till: the difference between two pictures of the bill that no edit
// of this till made. Totals and other things that the server computes are nobody's news.
import { units } from "./money.mjs";

const fields = ["customer", "additional_discount_percentage", "remarks"];

/** A list of { word, row?, item?, field?, from?, to? }; `row` is the row to mark. */
export function news(before, after) {
  if (!before || !after || before === after) return [];
  return [...fieldNews(before, after), ...itemNews(before, after), ...paymentNews(before, after)];
}

function fieldNews(before, after) {
  return fields
    .filter((name) => text(before[name]) !== text(after[name]))
    .map((name) => ({ word: "news.field", field: name, to: text(after[name]) }));
}

function itemNews(before, after) {
  const old = byIdentity(before.items, "posa_row_id");
  const found = [];
  for (const [row, item] of byIdentity(after.items, "posa_row_id")) {
    const was = old.get(row);
    old.delete(row);
    if (!was) found.push({ word: "news.added", row, item, to: item.qty });
    else found.push(...rowNews(row, was, item));
  }
  for (const [row, item] of old) found.push({ word: "news.removed", row, item });
  return found;
}

function rowNews(row, was, item) {
  const found = [];
  if (!same(was.qty, item.qty)) {
    found.push({ word: "news.quantity", row, item, from: was.qty, to: item.qty });
  }
  // A row that had no price yet has simply been priced.
  if (was.rate !== undefined && !same(was.rate, item.rate)) {
    found.push({ word: "news.price", row, item, to: item.rate });
  }
  return found;
}

function paymentNews(before, after) {
  const old = byIdentity(before.payments, "custom_pay_id");
  const found = [];
  for (const [row, payment] of byIdentity(after.payments, "custom_pay_id")) {
    const was = old.get(row);
    old.delete(row);
    if (!was) found.push({ word: "news.paid", payment, to: payment.amount });
  }
  for (const payment of old.values()) found.push({ word: "news.unpaid", payment, from: payment.amount });
  return found;
}

function byIdentity(rows, field) {
  return new Map((rows ?? []).map((row) => [row[field], row]));
}

function text(value) {
  return value === 0 || value === null || value === undefined ? "" : String(value).replace(/^0(\.0+)?$/, "");
}

function same(a, b) {
  return units(a) === units(b);
}
