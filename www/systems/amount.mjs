// Exact amounts for the page's own sums: hundredths, never floats.

/** "12.5" → 1250n. */
export function hundredths(amount) {
  const [, sign, whole, decimals = ""] = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(String(amount));
  const value = BigInt(whole + decimals.padEnd(2, "0"));
  return sign ? -value : value;
}

/** 1250n → "12.50". */
export function text(value) {
  const digits = String(value < 0n ? -value : value).padStart(3, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

export function sum(amounts) {
  return amounts.map(hundredths).reduce((total, value) => total + value, 0n);
}
