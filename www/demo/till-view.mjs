// One till on the page. It is built once; afterwards only what changed is written.
import { CartView } from "./cart-view.mjs";
import { button, el, oncePerFrame, setAttribute, setText, translateAll } from "./dom.mjs";
import { text, totals, units } from "./money.mjs";
import { NewsView } from "./news-view.mjs";
import { QuestionView } from "./question-view.mjs";
import { cashier, customers, itemName, items, modesOfPayment, otherTill } from "./shop.mjs";
import { amount, quantity, say } from "./words.mjs";

const modes = ["normal", "slow", "busy", "offline"];

export class TillView {
  constructor(station, number, onNewBill) {
    this.station = station;
    this.number = number;
    this.cart = new CartView(station);
    this.news = new NewsView(station);
    this.questions = new QuestionView(station, onNewBill);
    this.root = el("section", { class: "till", id: station.id },
      this.head(), this.networkBar(), this.itemButtons(), this.questions.root, this.cart.root,
      this.fields(), this.foot(), this.news.root);
    this.draw = oncePerFrame(() => this.update());
    station.onChange(this.draw);
    this.translate();
  }

  /* ------------------------------------------------------------ parts */

  head() {
    this.name = el("h2", {});
    this.status = el("span", { class: "chip", role: "status" });
    this.time = el("span", {});
    this.micros = el("b", {});
    const stamp = el("span", { class: "stamp" }, el("span", { class: "stamp-word", word: "stamp" }), " ", el("bdi", {}, this.time, this.micros));
    return el("header", { class: "till-head" }, this.name, this.status, stamp);
  }

  networkBar() {
    const { station } = this;
    this.modes = modes.map((mode) =>
      button({ class: "mode", "data-mode": mode, word: `network.${mode}`, on: { click: () => station.setNetwork(mode) } }));
    this.lose = button({
      class: "mode lose", word: "lose_answer", "aria-pressed": "false",
      on: { click: () => {
        station.network.losesNextAnswer = !station.network.losesNextAnswer;
        station.changed();
      } },
    });
    return el("div", { class: "network", role: "group", label: "network" },
      el("span", { class: "modes" }, ...this.modes), this.lose);
  }

  itemButtons() {
    const make = ({ code, price }) => button(
      { class: "item", "data-code": code, on: { click: () => this.scan(code) } },
      el("span", { class: "item-name" }, itemName({ item_code: code })),
      el("span", { class: "item-price" }, amount(price)));
    this.itemRow = items.map(make);
    return el("div", { class: "items", role: "group", label: "items" }, ...this.itemRow);
  }

  fields() {
    const { station } = this;
    this.customer = el("select", { on: { change: (event) => station.set("customer", event.target.value) } },
      ...customers.map((name) => el("option", { value: name }, name)));
    this.discount = el("input", {
      inputmode: "decimal", autocomplete: "off", class: "discount",
      on: { change: (event) => this.discountTyped(event.target.value.trim()) },
    });
    this.note = el("input", { autocomplete: "off", maxlength: "140",
      on: { change: (event) => station.set("remarks", event.target.value) } });
    const field = (word, control) => el("label", { class: `field field-${word}` }, el("span", { word }), control);
    this.controls = [this.customer, this.discount, this.note];
    return el("div", { class: "fields" },
      field("customer", this.customer), field("discount", this.discount), field("note", this.note));
  }

  foot() {
    const { station } = this;
    this.total = el("output", { class: "total-amount" });
    this.unsaved = el("span", { class: "total-note" });
    this.pay = modesOfPayment.map((mode) =>
      button({ class: "pay", "data-mode-of-payment": mode, word: `pay.${mode}`, on: { click: () => station.pay(mode) } }));
    this.back = button({ class: "pay back", word: "take_back", on: { click: () => this.takeBack() } });
    this.save = button({ class: "primary save", word: "save", on: { click: () => this.saveOrLook() } });
    this.submit = button({ class: "primary submit", word: "submit", on: { click: () => station.submit() } });
    this.outcome = el("p", { class: "outcome", role: "status" });
    return el("footer", { class: "till-foot" },
      el("div", { class: "total" },
        el("span", { class: "total-line" }, el("span", { word: "total" }), " ", this.unsaved), this.total),
      el("div", { class: "actions" }, ...this.pay, this.back, this.save, this.submit),
      this.outcome);
  }

  /* ------------------------------------------------------------ what the cashier does */

  scan(code) {
    this.station.scan(code);
    this.draw();
  }

  saveOrLook() {
    return this.station.status === "clean" ? this.station.look() : this.station.save();
  }

  discountTyped(typed) {
    const valid = /^\d{1,2}(\.\d{1,2})?$/.test(typed || "0");
    if (valid) this.station.set("additional_discount_percentage", typed || "0");
    else this.discount.value = this.shownDiscount();
  }

  takeBack() {
    const last = (this.station.doc.payments ?? []).at(-1);
    if (last) this.station.takeBack(last.custom_pay_id);
  }

  /* ------------------------------------------------------------ what the cashier sees */

  update() {
    const { station } = this;
    const { status } = station;
    setAttribute(this.root, "data-status", status);
    setText(this.status, say(`status.${status}`));
    this.showStamp(station.draft?.stamp);
    this.showNetwork(station.network);
    this.showFields();
    this.showMoney();
    setText(this.outcome, outcomeText(station));
    setAttribute(this.outcome, "data-kind", station.outcome?.kind);
    this.questions.update();
    this.cart.update();
    this.news.update();
  }

  /** 2026-11-24 15:32:11.123456: the date is the same all day, the microseconds are the point. */
  showStamp(stamp) {
    const match = /(\d\d:\d\d:\d\d)(\.\d+)?$/.exec(stamp ?? "");
    setText(this.time, match ? match[1] : (stamp ?? say("no_stamp")));
    setText(this.micros, match?.[2] ?? "");
  }

  showNetwork(network) {
    for (const control of this.modes) {
      setAttribute(control, "aria-pressed", String(control.dataset.mode === network.mode));
    }
    setAttribute(this.lose, "aria-pressed", String(network.losesNextAnswer));
    setAttribute(this.root, "data-network", network.mode);
  }

  showFields() {
    const { doc, status } = this.station;
    const show = (control, value) => {
      if (document.activeElement !== control && control.value !== value) control.value = value;
    };
    if (doc.customer) show(this.customer, doc.customer);
    show(this.discount, this.shownDiscount());
    show(this.note, doc.remarks ?? "");
    const locked = status === "closed" || status === "none";
    const everything = [...this.controls, ...this.itemRow, ...this.pay, this.back, this.save, this.submit];
    for (const control of everything) setAttribute(control, "disabled", locked);
  }

  shownDiscount() {
    const percentage = units(this.station.doc.additional_discount_percentage);
    return percentage === 0n ? "" : text(percentage);
  }

  showMoney() {
    const { due, paid } = totals(this.station.doc);
    setText(this.total, amount(text(due)));
    const notes = [];
    if (paid > 0n) notes.push(say("paid", { amount: amount(text(paid)) }));
    if (units(this.station.doc.grand_total) !== due) notes.push(say("unsaved_total"));
    setText(this.unsaved, notes.map((note) => `· ${note}`).join(" "));
    this.back.hidden = paid === 0n;
    for (const control of this.pay) control.hidden = paid >= due && paid > 0n;
  }

  translate() {
    translateAll(this.root);
    setText(this.name, `${say("till", { n: this.number })} · ${cashier(this.station.id)}`);
    setAttribute(this.root, "aria-label", this.name.textContent);
    this.itemRow.forEach((control, index) => {
      setText(control.children[0], itemName({ item_code: items[index].code }));
      setText(control.children[1], amount(items[index].price));
    });
    for (const part of [this.questions, this.cart, this.news]) part.translate();
    this.update();
  }
}

function outcomeText({ id, outcome, status }) {
  switch (outcome?.kind) {
    case "committed":
      if (status === "closed") return say("outcome.closed");
      if (outcome.echoed) return say("outcome.echoed");
      if (outcome.attempts > 1 && outcome.incoming.length > 0) {
        return say("outcome.merged", { n: quantity(outcome.attempts), who: cashier(otherTill(id)) });
      }
      return outcome.attempts > 1 ? say("outcome.tries", { n: quantity(outcome.attempts) }) : say("outcome.saved");
    case "queued":
      return say("outcome.queued");
    case "conflict":
      return say("outcome.conflict");
    case "rejected":
      return say("outcome.rejected", { reason: outcome.message });
    default:
      return "";
  }
}
