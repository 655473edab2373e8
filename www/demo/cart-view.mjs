// The rows of the bill. A row stays where it first appeared: what comes in from the other till is
// added below and never moves the row under a finger. Only what changed is written to the page.
import { button, el, setAttribute, setText } from "./dom.mjs";
import { rowAmount, text, units } from "./money.mjs";
import { itemName } from "./shop.mjs";
import { amount, say } from "./words.mjs";
import { sentence } from "./news-view.mjs";

const MARK_MS = 6000;
const QUANTITY = /^\d{1,6}(\.\d{1,3})?$/;

export class CartView {
  constructor(station) {
    this.station = station;
    this.rows = new Map();
    this.marked = new Set();
    this.empty = el("li", { class: "empty", word: "empty_cart" });
    this.root = el("ul", { class: "cart", label: "cart" }, this.empty);
  }

  update() {
    const { items, status } = this.station;
    const closed = status === "closed" || status === "none";
    const gone = new Set(this.rows.keys());
    for (const item of items) {
      gone.delete(item.posa_row_id);
      const view = this.rows.get(item.posa_row_id) ?? this.addRow(item);
      view.update(item, closed);
    }
    for (const row of gone) this.removeRow(row);
    this.empty.hidden = items.length > 0;
    this.markNews();
  }

  addRow(item) {
    const view = new RowView(this.station, item);
    this.rows.set(item.posa_row_id, view);
    this.root.append(view.root);
    // The cashier looks at the row just scanned, not at one that came in meanwhile.
    if (this.station.lastAdded === item.posa_row_id) this.root.scrollTop = this.root.scrollHeight;
    return view;
  }

  removeRow(row) {
    this.rows.get(row).root.remove();
    this.rows.delete(row);
  }

  /** A quiet mark for some seconds on rows that the other till changed. */
  markNews() {
    for (const entry of this.station.news) {
      if (this.marked.has(entry)) continue;
      this.marked.add(entry);
      if (Date.now() - entry.at < MARK_MS) this.rows.get(entry.row)?.mark(entry);
    }
  }

  translate() {
    for (const view of this.rows.values()) view.translate();
  }
}

class RowView {
  constructor(station, item) {
    this.row = item.posa_row_id;
    const key = this.row;
    this.name = el("bdi", { class: "row-name" });
    this.note = el("span", { class: "row-note" });
    this.less = button({ class: "step", on: { click: () => station.step(key, "-1") } }, "−");
    this.more = button({ class: "step", on: { click: () => station.step(key, "1") } }, "+");
    this.input = el("input", {
      class: "quantity", inputmode: "decimal", autocomplete: "off", enterkeyhint: "done",
      on: { change: () => this.typed(station), keydown: (event) => event.key === "Enter" && event.target.blur() },
    });
    this.amount = el("span", { class: "row-amount" });
    this.remove = button({ class: "remove", on: { click: () => station.remove(key) } }, "×");
    this.root = el("li", { class: "row", "data-code": item.item_code },
      el("span", { class: "row-what" }, this.name, this.note), this.less, this.input, this.more, this.amount, this.remove);
    this.update(item, false);
    this.translate();
  }

  update(item, closed) {
    if (this.item === item && this.closed === closed) return;
    this.item = item;
    this.closed = closed;
    setText(this.name, itemName(item));
    setText(this.note, this.mention ?? item.posa_notes ?? "");
    setText(this.amount, amount(text(rowAmount(item))));
    if (document.activeElement !== this.input) this.showQuantity();
    for (const control of [this.less, this.more, this.input, this.remove]) setAttribute(control, "disabled", closed);
  }

  showQuantity() {
    // Without separators: what is shown must be valid when typed.
    const shown = text(units(this.item.qty));
    if (this.input.value !== shown) this.input.value = shown;
  }

  typed(station) {
    const typed = this.input.value.trim();
    if (!QUANTITY.test(typed) || Number(typed) === 0) return this.showQuantity();
    if (units(typed) !== units(this.item.qty)) station.type(this.row, typed);
  }

  mark(entry) {
    this.mention = sentence(entry, { short: true });
    setText(this.note, this.mention);
    this.root.classList.add("came-in");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.mention = undefined;
      setText(this.note, this.item.posa_notes ?? "");
      this.root.classList.remove("came-in");
    }, MARK_MS);
  }

  translate() {
    const name = itemName(this.item);
    const labels = [[this.less, "one_less"], [this.more, "one_more"], [this.input, "quantity_of"], [this.remove, "remove_item"]];
    for (const [control, key] of labels) setAttribute(control, "aria-label", say(key, { item: name }));
    setText(this.name, name);
    setText(this.amount, amount(text(rowAmount(this.item))));
  }
}
