// What this shop sells and to whom, and how a bill begins.
import { say } from "./words.mjs";

/** Prices as the server's list has them; they are only shown until the server has priced a row. */
export const items = [
  { code: "COFFEE", price: "3.50" },
  { code: "TEA", price: "2.50" },
  { code: "CAKE", price: "4.25" },
  { code: "BURGER", price: "8.90" },
  { code: "FRIES", price: "3.20" },
  { code: "WATER", price: "1.00" },
];

export const customers = ["Walk-in Customer", "Table 7", "Somchai", "Hotel Marsa"];
export const modesOfPayment = ["Cash", "Card"];

export function listPrice(code) {
  return items.find((item) => item.code === code)?.price ?? "0";
}

export function itemName(row) {
  const word = `item.${row?.item_code}`;
  const known = items.some((item) => item.code === row?.item_code);
  return known ? say(word) : (row?.item_name ?? row?.item_code ?? "?");
}

/** A new bill with one of each of these items. This shop's totals are not rounded. */
export function newBill(codes = []) {
  return {
    customer: customers[0],
    currency: "SAR",
    is_pos: 1,
    disable_rounded_total: 1,
    items: codes.map((code) => newRow(code)),
    payments: [],
  };
}

/** No rate: the server prices the row. */
export function newRow(code, more = {}) {
  return { item_code: code, item_name: code, qty: "1", ...more };
}

export function otherTill(id) {
  return id === "till-1" ? "till-2" : "till-1";
}

/** The cashier behind a server's user name such as till-1@example.test. */
export function cashier(user) {
  const till = String(user ?? "").split("@")[0];
  return ["till-1", "till-2"].includes(till) ? say(`name.${till}`) : say("someone");
}
