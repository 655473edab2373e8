// The list of what came in from the other till, the newest on top.
import { el, setText } from "./dom.mjs";
import { cashier, itemName } from "./shop.mjs";
import { amount, language, quantity, say } from "./words.mjs";

const LINES_MAX = 8;
const fieldWords = { customer: "customer", additional_discount_percentage: "discount", remarks: "note" };
const money = new Set(["news.price", "news.paid", "news.unpaid"]);

/** One piece of news in words; `short` leaves the item out, for a mark on its own row. */
export function sentence(entry, { short = false } = {}) {
  const show = (value) => {
    if (value === undefined || value === "") return say("nothing");
    if (money.has(entry.word)) return amount(value);
    return entry.field ? value : quantity(value);
  };
  if (short && entry.word === "news.quantity") {
    return say("news.step", { from: show(entry.from), to: show(entry.to), who: cashier(entry.by) });
  }
  if (short) return cashier(entry.by);
  const item = entry.payment ? say(`pay.${entry.payment.mode_of_payment}`) : itemName(entry.item);
  const field = entry.field && say(fieldWords[entry.field]);
  return say(entry.word, { item, field, from: show(entry.from), to: show(entry.to) });
}

export class NewsView {
  constructor(station) {
    this.station = station;
    this.list = el("ol", { class: "news-list", "aria-live": "polite" });
    this.empty = el("p", { class: "empty", word: "nothing_changed" });
    this.root = el("section", { class: "news", label: "changed" },
      el("h3", { word: "changed" }), this.empty, this.list);
  }

  update() {
    const { news } = this.station;
    if (this.shown === news) return;
    this.shown = news;
    this.empty.hidden = news.length > 0;
    this.list.hidden = news.length === 0;
    this.list.replaceChildren(...news.slice(0, LINES_MAX).map(line));
  }

  translate() {
    this.shown = null;
    this.update();
  }
}

function line(entry) {
  const time = new Date(entry.at).toLocaleTimeString(language().locale, { hour12: false });
  const node = el("li", {}, el("span", { class: "news-what" }), el("span", { class: "news-who" }));
  setText(node.firstChild, sentence(entry));
  setText(node.lastChild, `${cashier(entry.by)}, ${time}`);
  return node;
}
