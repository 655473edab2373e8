// The strip over the cart: one question at a time while work goes on, never a dialog.
import { button, el } from "./dom.mjs";
import { text, units } from "./money.mjs";
import { question } from "./questions.mjs";
import { cashier, itemName, otherTill } from "./shop.mjs";
import { amount, quantity, say } from "./words.mjs";

/** A scanner types faster than this and ends with Enter: that Enter must not answer a question. */
const SCANNER_MS = 120;
let lastKeyAt = 0;
document.addEventListener("keydown", (event) => {
  if (event.key.length === 1) lastKeyAt = event.timeStamp;
}, true);

export class QuestionView {
  /** `onNewBill(rows)` starts another bill with these rows. */
  constructor(station, onNewBill) {
    this.station = station;
    this.onNewBill = onNewBill;
    this.later = false;
    this.root = el("div", { class: "strip", role: "region", "aria-live": "assertive", hidden: true });
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.timeStamp - lastKeyAt < SCANNER_MS) event.preventDefault();
    });
  }

  update() {
    const { ending } = this.station;
    const conflicts = this.station.draft?.conflicts ?? [];
    if (this.conflicts === conflicts && this.ending === ending) return;
    if (this.conflicts !== conflicts) this.later = false;
    Object.assign(this, { conflicts, ending });
    this.draw();
  }

  translate() {
    this.draw();
  }

  draw() {
    const parts = this.ending ? this.ended(this.ending) : this.asked(this.conflicts ?? []);
    this.root.replaceChildren(...parts);
    this.root.hidden = parts.length === 0;
    this.root.classList.toggle("is-ended", Boolean(this.ending));
  }

  asked(conflicts) {
    if (conflicts.length === 0) return [];
    if (this.later) return [big(say("questions_later", { n: conflicts.length }), () => this.putOff(false))];
    const [conflict] = conflicts;
    const { text: sentence, choices, stepper } = question(conflict, this.station);
    const answer = (take) => this.station.answer(conflict, take);
    const buttons = choices.map(({ label, n, big: number, take }) => big(say(label, { n }), () => answer(take), number, take));
    if (stepper !== undefined) buttons.push(this.stepper(stepper, (value) => answer({ value })));
    buttons.push(big(say("take.later"), () => this.putOff(true), null, "later"));
    const more = conflicts.length > 1 ? [el("span", { class: "strip-more" }, say("more_questions", { n: conflicts.length - 1 }))] : [];
    return [el("p", { class: "strip-text" }, sentence), ...more, el("div", { class: "strip-buttons" }, ...buttons)];
  }

  putOff(later) {
    this.later = later;
    this.draw();
  }

  /** Neither mine nor theirs: any other number. */
  stepper([mine, theirs], take) {
    let value = units(mine) + units(theirs);
    const go = big(say("take.value", { n: quantity(text(value)) }), () => take(text(value)), null, "value");
    const step = (by) => () => {
      if (value + by <= 0n) return;
      value += by;
      go.firstChild.textContent = say("take.value", { n: quantity(text(value)) });
    };
    const one = units("1");
    return el("span", { class: "strip-stepper" }, big("−", step(-one)), go, big("+", step(one)));
  }

  ended(ending) {
    const { state, alreadyDone, leftover } = ending;
    const key = alreadyDone ? "ended.done" : `ended.${state}`;
    const parts = [el("p", { class: "strip-text" }, say(key, { who: cashier(otherTill(this.station.id)) }))];
    if (alreadyDone || leftover.length === 0) return parts;
    const items = leftover.filter((row) => row.table === "items");
    parts.push(
      el("ul", { class: "leftover" }, ...leftover.map((row) => el("li", {}, leftoverText(row)))),
      el("div", { class: "strip-buttons" },
        big(say("take.new_bill"), () => this.onNewBill(items), null, "new"),
        big(say("take.drop"), () => this.drop(), null, "drop")),
    );
    return parts;
  }

  async drop() {
    await this.station.draft.discard();
    this.station.ending = null;
    this.station.changed();
  }
}

function leftoverText(row) {
  if (row.table === "payments") return `${say(`pay.${row.mode_of_payment}`)} ${amount(row.amount)}`;
  return `${itemName(row)} × ${quantity(row.qty)}`;
}

function big(label, click, number, take) {
  const parts = [el("span", {}, label)];
  if (number) parts.push(el("bdi", { class: "strip-number" }, number));
  return button({ class: "big", "data-take": typeof take === "string" ? take : undefined, on: { click } }, ...parts);
}
