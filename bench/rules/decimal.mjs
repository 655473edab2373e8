// Exact sums of decimals as a team without a decimal library writes them: whole numbers of the finer unit.

const form = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Answers null for what is not a plain decimal. */
function read(value) {
  const parts = form.exec(String(value));
  if (parts === null) return null;
  const [, sign, whole, fraction = ""] = parts;
  return { units: BigInt(sign + whole + fraction), scale: fraction.length };
}

function align(a, b) {
  const x = read(a);
  const y = read(b);
  if (x === null || y === null) return null;
  const scale = Math.max(x.scale, y.scale);
  return { scale, x: x.units * 10n ** BigInt(scale - x.scale), y: y.units * 10n ** BigInt(scale - y.scale) };
}

/** -1, 0 or 1; null if one of them is no decimal. */
export function compare(a, b) {
  const pair = align(a, b);
  if (pair === null) return null;
  return pair.x < pair.y ? -1 : Number(pair.x > pair.y);
}

/** The sum as decimal text, without zeros at its end. */
export function sum(a, b) {
  const pair = align(a, b);
  if (pair === null) return null;
  const units = pair.x + pair.y;
  const digits = String(units < 0n ? -units : units).padStart(pair.scale + 1, "0");
  const whole = digits.slice(0, digits.length - pair.scale);
  const fraction = digits.slice(digits.length - pair.scale).replace(/0+$/, "");
  return (units < 0n ? "-" : "") + whole + (fraction && `.${fraction}`);
}
