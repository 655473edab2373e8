// Sales Invoices as ERPNext sends them: a header, one tax, one payment, and rows of 29 fields (about 680 bytes a row).
import { drawer } from "./draw.mjs";

const started = "2026-03-03 08:14:02.118734";
const owner = "noura@qahwa.example";
const key = "ACC-SINV-2026-01307";
const articles = [
  ["FLATWHITE", "Flat White", "فلات وايت", 18], ["V60", "V60 Filter Coffee", "قهوة مقطرة", 21.5],
  ["KARAK", "Karak Tea", "شاي كرك", 7.25], ["CROISSANT", "Butter Croissant", "كرواسون زبدة", 12],
  ["DATES-KG", "Sukkari Dates, loose", "تمر سكري", 34.9], ["BEANS-KG", "Ethiopia Guji Beans, loose", "حبوب جوجي", 129],
  ["WATER-330", "Still Water 330 ml", "ماء ٣٣٠ مل", 2], ["CHEESECAKE", "San Sebastian Cheesecake", "تشيز كيك", 27.75],
];

// Frappe sends these as Python floats: 2 is written "2.0".
const floats = new Set([
  "qty", "conversion_factor", "rate", "price_list_rate", "discount_percentage", "discount_amount", "amount",
  "net_rate", "net_amount", "base_rate", "base_amount", "base_net_rate", "base_net_amount", "conversion_rate",
  "additional_discount_percentage", "total_qty", "total", "base_total", "net_total", "base_net_total",
  "total_taxes_and_charges", "grand_total", "base_grand_total", "rounded_total", "paid_amount", "outstanding_amount",
  "tax_amount", "base_tax_amount",
]);

const cents = (value) => Number(value.toFixed(2));

/** What the server computes of a row; the discount is taken off the list price. */
export function priced(row) {
  row.rate = cents(row.price_list_rate * (1 - row.discount_percentage / 100));
  row.amount = cents(row.qty * row.rate);
  row.base_rate = row.rate;
  row.base_amount = row.amount;
  row.net_rate = cents(row.rate / 1.15);
  row.net_amount = cents(row.amount / 1.15);
  row.base_net_rate = row.net_rate;
  row.base_net_amount = row.net_amount;
  return row;
}

/** What the server computes of the whole. */
export function totalled(invoice) {
  const sum = (field) => invoice.items.reduce((total, row) => total + row[field], 0);
  invoice.total_qty = Number(sum("qty").toFixed(3));
  invoice.total = invoice.base_total = invoice.grand_total = invoice.base_grand_total = cents(sum("amount"));
  invoice.net_total = invoice.base_net_total = cents(sum("net_amount"));
  invoice.total_taxes_and_charges = cents(invoice.total - invoice.net_total);
  invoice.outstanding_amount = cents(invoice.total - invoice.paid_amount);
  for (const tax of invoice.taxes) tax.tax_amount = tax.base_tax_amount = invoice.total_taxes_and_charges;
  return invoice;
}

/** `arabic`: names of articles as in a shop in Riyadh, so the text is not ASCII. */
export function rowMaker(draw, arabic) {
  return (idx) => {
    const [code, english, name, price] = draw.from(articles);
    const loose = code.endsWith("-KG");
    return priced({
      posa_row_id: draw.letters("abcdefghijklmnopqrstuvwxyz0123456789", 12),
      name: draw.letters("0123456789abcdef", 10),
      owner, creation: started, modified: "2026-03-03 08:15:40.930112", modified_by: owner, docstatus: 0, idx,
      item_code: code,
      item_name: arabic ? `${english} / ${name}` : english,
      qty: loose ? (200 + draw.below(1500)) / 1000 : 1 + draw.below(6),
      uom: loose ? "Kg" : "Nos", conversion_factor: 1, rate: 0, price_list_rate: price, discount_percentage: 0,
      amount: 0, base_rate: 0, base_amount: 0, net_rate: 0, net_amount: 0,
      base_net_rate: 0, base_net_amount: 0, warehouse: "Counter - QC", posa_notes: "",
      parent: key, parentfield: "items", parenttype: "Sales Invoice", doctype: "Sales Invoice Item",
    });
  };
}

export function invoice(rows, seed, arabic = false) {
  const makeRow = rowMaker(drawer(seed), arabic);
  return totalled({
    name: key, owner, creation: started, modified: "2026-03-03 08:15:40.930112", modified_by: owner,
    docstatus: 0, idx: 0, doctype: "Sales Invoice", naming_series: "ACC-SINV-.YYYY.-",
    customer: "Walk-in Customer", customer_name: "Walk-in Customer", tax_id: null, contact_mobile: null,
    territory: "All Territories", company: "Qahwa Corner", currency: "SAR", conversion_rate: 1,
    selling_price_list: "Retail SAR", is_pos: 1, is_return: 0, return_against: null,
    pos_profile: "Qahwa Corner - Counter", posa_pos_opening_shift: "POSA-OS-26-984e18f",
    custom_mutation_id: "m-cb81b168a64483de", posting_date: "2026-03-03", due_date: "2026-03-03",
    set_warehouse: "Counter - QC", apply_discount_on: "Grand Total", additional_discount_percentage: 0,
    discount_amount: 0, coupon_code: null, total_qty: 0, total: 0, base_total: 0, net_total: 0, base_net_total: 0,
    total_taxes_and_charges: 0, grand_total: 0, base_grand_total: 0, rounded_total: 0, paid_amount: 0,
    outstanding_amount: 0, status: "Draft", remarks: null, posa_notes: "",
    items: Array.from({ length: rows }, (_, at) => makeRow(at + 1)),
    taxes: [{
      name: "b7c91d20aa", idx: 1, charge_type: "On Net Total", account_head: "VAT 15% - QC", rate: 15,
      included_in_print_rate: 1, tax_amount: 0, base_tax_amount: 0, doctype: "Sales Taxes and Charges",
    }],
    payments: [{ name: "90ab4411fe", idx: 1, mode_of_payment: "Cash", amount: 0, type: "Cash", doctype: "Sales Invoice Payment" }],
  });
}

/** Frappe's JSON: compact by default; `sorted` and `pretty` as its as_json() writes. */
export function encode(document, { sorted = false, pretty = false } = {}) {
  const [comma, colon] = pretty ? [",", ": "] : [",", ":"];
  const line = (depth) => (pretty ? `\n${" ".repeat(depth)}` : "");
  const write = (value, name, depth) => {
    if (typeof value === "number" && Number.isInteger(value) && floats.has(name)) return `${value}.0`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const list = Array.isArray(value);
    const names = list ? [] : Object.keys(value);
    if (sorted) names.sort();
    const members = list
      ? value.map((member) => write(member, name, depth + 1))
      : names.map((member) => JSON.stringify(member) + colon + write(value[member], member, depth + 1));
    const inside = members.map((member) => line(depth + 1) + member).join(comma);
    return list ? `[${inside}${line(depth)}]` : `{${inside}${line(depth)}}`;
  };
  return new TextEncoder().encode(write(document, "", 0));
}
