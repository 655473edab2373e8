// From a conflict to one sentence and a few buttons, as a cashier can answer it.
import { cashier, itemName, otherTill } from "./shop.mjs";
import { amount, knows, quantity, say } from "./words.mjs";

const fieldWords = { customer: "customer", "@discount": "discount", remarks: "note" };

/** { text, choices: [{ label, big?, take }], stepper? }; `stepper` holds the numbers to start from: their sum. */
export function question(conflict, station) {
  const row = rowOf(conflict, station);
  const facts = {
    item: row ? itemName(row) : say(fieldWords[conflict.path] ?? conflict.path),
    who: cashier(conflict.by ?? otherTill(station.id)),
    mine: shown(conflict.mine, conflict),
    theirs: shown(conflict.theirs, conflict),
    mine_plus: quantity(conflict.again),
    max: quantity(conflict.available),
    paid: amount(conflict.paid),
    due: amount(conflict.due),
  };
  return { text: say(sentenceFor(conflict), facts), ...answers(conflict, facts) };
}

function sentenceFor(conflict) {
  const { path, reason } = conflict;
  const field = path.split(".").at(-1);
  const word = [`ask.${reason}.${field}`, `ask.${reason}`].find(knows);
  if (path === "@document") return "ask.answer-lost.document";
  return word ?? "ask.both-changed";
}

function answers(conflict, facts) {
  const mine = { label: "take.mine", big: facts.mine, take: "mine" };
  const theirs = { label: "take.theirs", big: facts.theirs, take: "theirs" };
  const pair = (first, second) => ({ choices: [{ label: first, take: "mine" }, { label: second, take: "theirs" }] });
  switch (conflict.reason) {
    case "removed-against-edit":
      // Who removed the row has nothing to show for it.
      return conflict.mine ? pair("take.keep", "take.remove") : pair("take.remove", "take.keep");
    case "captured-payment":
      return pair("take.remove", "take.keep");
    case "double-payment":
      return pair("take.both", "take.drop_payment");
    case "total-changed":
      return { choices: [{ label: "take.pay", n: facts.theirs, take: "theirs" }, { label: "take.not_yet", take: "mine" }] };
    case "stock":
      return { choices: [{ label: "take.value", n: facts.max, take: "theirs" }, { label: "take.mine", big: facts.mine, take: "mine" }] };
    case "answer-lost":
      if (conflict.path === "@document") return pair("take.again", "take.stored");
      return { choices: [{ label: "take.value", n: facts.theirs, take: "theirs" }, { label: "take.value", n: facts.mine_plus, take: "mine" }] };
    default:
      return conflict.path.endsWith("].qty")
        ? { choices: [mine, theirs], stepper: [conflict.mine, conflict.theirs] }
        : { choices: [mine, theirs] };
  }
}

function rowOf(conflict, station) {
  const match = /^(\w+)\[(.+?)\](\.|$)/.exec(conflict.path);
  if (!match) return null;
  const [, table, identity] = match;
  const known = (station.doc[table] ?? []).find((row) => row.posa_row_id === identity || row.custom_pay_id === identity);
  return known ?? conflict.theirs ?? conflict.mine ?? conflict.base;
}

/** A value as a cashier reads it; of a group the part that says most. */
function shown(value, { path, reason }) {
  if (value === null || value === undefined || value === "") return say("nothing");
  if (typeof value === "object") {
    const { additional_discount_percentage: percent, discount_amount, rate, customer, discount_percentage } = value;
    if (percent !== undefined) return `${quantity(percent)} %`;
    if (rate !== undefined) return amount(rate);
    if (discount_percentage !== undefined) return `${quantity(discount_percentage)} %`;
    return discount_amount !== undefined ? amount(discount_amount) : String(customer ?? say("nothing"));
  }
  if (reason === "total-changed") return amount(value);
  return path.endsWith(".qty") ? quantity(value) : String(value);
}
