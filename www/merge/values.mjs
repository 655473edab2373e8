// Comparing and showing values the way the merge sees them: 3 and "3.000" are equal, and null, ""
// and nothing at all are one. Amounts never pass through a float.
import { Digits } from "./json-text.mjs";

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
const SHOWN_MAX = 400;

/** A decimal as a whole number of units of 10^-places; null for what is none. */
function decimal(value) {
  const match = DECIMAL.exec(value instanceof Digits ? value.text : typeof value === "string" ? value : "");
  if (!match) return null;
  const [, sign, whole, fraction = ""] = match;
  return { units: BigInt(`${sign}${whole}${fraction}`), places: fraction.length };
}

/** Whether there is nothing: absent, null or "". */
export function isNothing(value) {
  return value === undefined || value === null || value === "";
}

function normal(value) {
  if (isNothing(value)) return "";
  const amount = decimal(value);
  return amount ? decimalText(amount) : compact(value);
}

export function same(a, b) {
  return normal(a) === normal(b);
}

function decimalText({ units, places }) {
  const digits = String(units < 0n ? -units : units).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places).replace(/0+$/, "");
  return (units < 0n ? "-" : "") + whole + (fraction && `.${fraction}`);
}

/** "1 + 1 + 1 = 3" if both sides' steps over the base do lead to `merged`; else null. */
export function sum(base, mine, theirs, merged) {
  const amounts = [base, mine, theirs, merged].map((value) => (isNothing(value) ? { units: 0n, places: 0 } : decimal(value)));
  if (amounts.includes(null)) return null;
  const places = Math.max(...amounts.map((amount) => amount.places));
  const [from, ours, others, to] = amounts.map((amount) => amount.units * 10n ** BigInt(places - amount.places));
  const [theirStep, myStep] = [others - from, ours - from];
  if (from + theirStep + myStep !== to) return null;
  const text = (units) => decimalText({ units, places });
  const step = (units) => (units < 0n ? ` − ${text(-units)}` : ` + ${text(units)}`);
  return `${text(from)}${step(theirStep)}${step(myStep)} = ${text(to)}`;
}

/** JSON on one line. */
export function compact(value) {
  if (value instanceof Digits) return value.text;
  if (value instanceof Map) return `{${[...value].map(([name, member]) => `${JSON.stringify(name)}: ${compact(member)}`).join(", ")}}`;
  if (Array.isArray(value)) return `[${value.map(compact).join(", ")}]`;
  return JSON.stringify(value);
}

/** What stands in a cell; texts without quotes. */
export function shown(value) {
  const text = value === "" ? "\"\"" : typeof value === "string" ? value : compact(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
