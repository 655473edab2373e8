// The bill's total before the server has computed it, to the same cent. Whole numbers of
// millionths: a double would show 0.30000000000000004 sooner or later.
import { listPrice } from "./shop.mjs";

const PLACES = 6;
const ONE = 10n ** BigInt(PLACES);

/** "12.5" in millionths; anything that is no decimal is nothing. */
export function units(decimal) {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(decimal ?? "").trim());
  if (!match) return 0n;
  const [, sign, whole, fraction = ""] = match;
  const value = BigInt(whole + fraction.slice(0, PLACES).padEnd(PLACES, "0"));
  return sign ? -value : value;
}

/** Millionths as the shortest decimal text. */
export function text(value) {
  const digits = String(value < 0n ? -value : value).padStart(PLACES + 1, "0");
  const fraction = digits.slice(-PLACES).replace(/0+$/, "");
  return (value < 0n ? "-" : "") + digits.slice(0, -PLACES) + (fraction && `.${fraction}`);
}

export function rowAmount(row) {
  const price = row.rate ?? listPrice(row.item_code);
  const left = 100n * ONE - units(row.discount_percentage);
  return toCents((units(row.qty) * units(price) * left) / (100n * ONE), ONE * ONE);
}

/** What is to be paid, what was paid and what is missing. */
export function totals(doc) {
  const sum = rows(doc.items).reduce((total, row) => total + rowAmount(row), 0n);
  const percentage = units(doc.additional_discount_percentage);
  const due = sum - toCents(sum * percentage, 100n * ONE * ONE);
  const paid = rows(doc.payments).reduce((total, row) => total + units(row.amount), 0n);
  return { due, paid, open: due > paid ? due - paid : 0n };
}

function rows(table) {
  return Array.isArray(table) ? table : [];
}

/** value / scale, to whole cents, halves to the even cent as the server rounds. */
function toCents(value, scale) {
  const cent = scale / 100n;
  const whole = value / cent;
  const rest = value % cent;
  const up = rest * 2n > cent || (rest * 2n === cent && whole % 2n === 1n);
  return (whole + (up ? 1n : 0n)) * (ONE / 100n);
}
