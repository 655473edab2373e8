// Counts one coffee more on a bill that other tills change too.  node ten-lines.mjs [server]
import { openTill, frappe, profiles } from "restamp";

const url = globalThis.process?.argv[2] ?? "";
const backend = frappe({ url, doctype: "Sales Invoice", token: "till-1:secret" });
const till = await openTill({ backend, profile: profiles.salesInvoice, till: "till-1", user: "noura" });

const bill = await till.create({ customer: "Walk-in Customer", items: [], payments: [] });
const coffee = bill.insert("items", { item_code: "COFFEE", qty: "1" });
bill.increment(`items[${coffee}].qty`, "1");

const outcome = await bill.save();
console.log(outcome.kind, outcome.key, outcome.kind === "committed" ? outcome.doc.grand_total : outcome.message);
await till.close();
