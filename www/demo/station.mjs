// One till of the demo: what a front-end does with Restamp, without any of the page's elements.
import { openTill, frappe, profiles } from "restamp";
import { createNetwork } from "./network.mjs";
import { text, totals, units } from "./money.mjs";
import { news } from "./news.mjs";
import { newRow, otherTill } from "./shop.mjs";

const NEWS_MAX = 30;

// This shop's totals are not rounded, so the amount due is the grand total.
const profile = { ...profiles.salesInvoice, due: ["grand_total"] };

export class Station {
  /**
   * Opens till "till-1" or "till-2", and the bill if it can be had. `session` keeps two tabs of one
   * browser apart.
   */
  static async open(id, { session, store, bill, onLog }) {
    const network = createNetwork();
    const token = `${id}:secret`;
    const till = await openTill({
      backend: frappe({ url: "", doctype: "Sales Invoice", token, fetch: network.fetch }),
      profile,
      till: id,
      user: `${id}@${session}`,
      store,
    });
    const station = new Station(id, till, network);
    station.logListeners.add(onLog);
    // Where it cannot be had, it is of another server or was deleted.
    if (bill) await station.openBill(bill).catch(() => {});
    return station;
  }

  constructor(id, till, network) {
    Object.assign(this, { id, till, network });
    this.draft = null;
    /** The newest first: { at, word, row, … } of news.mjs. */
    this.news = [];
    /** How the last save ended, and how the bill ended if it did. */
    this.outcome = null;
    this.ending = null;
    this.keys = new Set();
    this.listeners = new Set();
    this.logListeners = new Set();
    this.acting = 0;
    till.on("log", (event) => this.heard(event));
  }

  /* ------------------------------------------------------------ the bill */

  async create(doc) {
    return this.use(await this.till.create(doc));
  }

  async openBill(key) {
    this.keys.add(key);
    this.use(await this.till.open(key));
    // A bill that ended while this till was away: saving it once more says how.
    if (this.status === "closed") await this.save();
  }

  use(draft) {
    Object.assign(this, { seen: draft.doc, news: [], outcome: null, ending: null });
    this.hold(draft);
    this.changed();
  }

  hold(draft) {
    this.stopListening?.();
    this.draft = draft;
    this.keys.add(draft.key);
    this.stopListening = draft.subscribe(() => this.noticed());
  }

  /** Without edits of its own a till opens the bill again to see what the other one did. */
  async look() {
    if (this.status !== "clean") return;
    this.hold(await this.till.open(this.draft.key));
    this.noticed();
  }

  async leaveBill() {
    const draft = this.draft;
    this.stopListening?.();
    this.draft = null;
    await draft?.discard();
  }

  get doc() {
    return this.draft?.doc ?? {};
  }

  get status() {
    return this.draft?.status ?? "none";
  }

  get items() {
    return this.doc.items ?? [];
  }

  /** Resolves as soon as the server has the bill. */
  landed() {
    return new Promise((resolve) => {
      const check = () => {
        if (!this.draft?.stamp) return;
        this.listeners.delete(check);
        resolve(this.draft.key);
      };
      this.listeners.add(check);
      check();
    });
  }

  /* ------------------------------------------------------------ edits */

  /** A scan: one more of the row with this item, or a new row. */
  scan(code) {
    const row = this.items.find((item) => item.item_code === code);
    if (row) this.step(row.posa_row_id, "1");
    else this.add(code);
  }

  add(code, more) {
    let row;
    this.act((draft) => { row = draft.insert("items", newRow(code, more)); });
    this.lastAdded = row;
    return row;
  }

  /** A step is added to whatever the other till counted; see `type` for the difference. */
  step(row, by) {
    const left = units(this.draft.get(`items[${row}].qty`)) + units(by);
    if (left <= 0n) this.remove(row);
    else this.act((draft) => draft.increment(`items[${row}].qty`, by));
  }

  /** A typed quantity states how many there are: it cannot be added to another statement. */
  type(row, qty) {
    this.act((draft) => draft.set(`items[${row}].qty`, qty));
  }

  remove(row) {
    this.act((draft) => draft.remove("items", row));
  }

  set(field, value) {
    this.act((draft) => draft.set(field, value));
  }

  /** Takes what is still open, in cash or by card. */
  pay(mode) {
    const { open } = totals(this.doc);
    if (open > 0n) this.act((draft) => draft.insert("payments", { mode_of_payment: mode, amount: text(open) }));
  }

  takeBack(row) {
    this.act((draft) => draft.remove("payments", row));
  }

  /** What this till does itself is not news to it. */
  act(edit) {
    if (!this.draft || this.status === "closed") return;
    this.acting += 1;
    try {
      edit(this.draft);
    } finally {
      this.acting -= 1;
      this.seen = this.draft.doc;
      this.changed();
    }
  }

  /* ------------------------------------------------------------ saving */

  async save() {
    return this.finish(await this.draft.save());
  }

  /** Pays what is open and submits the bill for the total that the cashier sees. */
  async submit() {
    this.pay("Cash");
    const expectedTotal = text(totals(this.doc).due);
    return this.finish(await this.draft.submit({ expectedTotal }));
  }

  /** Answers a question; what was to be saved or submitted then goes on by itself. */
  async answer(conflict, take) {
    // A total that grew is paid in full, before the answer lets the submit go on.
    if (conflict.reason === "total-changed" && take === "theirs") this.pay("Cash");
    this.act((draft) => draft.resolve(conflict.path, take));
    return this.save();
  }

  finish(outcome) {
    this.outcome = outcome;
    if (outcome.kind === "terminal") this.ending = outcome;
    this.changed();
    return outcome;
  }

  /** Saves until the server has everything; for runs that nobody watches over. */
  async settle() {
    while (this.status !== "clean" && this.status !== "conflict" && this.status !== "closed") {
      const outcome = await this.save();
      if (outcome.kind === "rejected" || outcome.reason === "signed-out") throw new Error(outcome.message);
      if (outcome.kind === "queued") await new Promise((resume) => setTimeout(resume, 100));
    }
  }

  setNetwork(mode) {
    const back = this.network.mode === "offline";
    this.network.mode = mode;
    // As the browser does when a real network is back.
    if (back) window.dispatchEvent(new Event("online"));
    this.changed();
  }

  /* ------------------------------------------------------------ telling the page */

  onChange(listener) {
    this.listeners.add(listener);
    this.network.onchange = () => this.changed();
  }

  changed() {
    for (const listener of [...this.listeners]) listener();
  }

  /** The draft says that something is new; if no edit of this till did it, the other till did. */
  noticed() {
    if (!this.draft) return;
    this.keys.add(this.draft.key);
    const { doc } = this.draft;
    if (this.acting === 0 && doc !== this.seen) {
      const at = Date.now();
      const found = news(this.seen, doc).map((entry) => ({ ...entry, at, by: otherTill(this.id) }));
      this.news = [...found, ...this.news].slice(0, NEWS_MAX);
      this.seen = doc;
    }
    this.changed();
  }

  /** Steps on the way of a save; those of bills that were left are not shown. */
  heard(event) {
    // A new bill gets the server's key before its draft has news to tell.
    if (this.draft) this.keys.add(this.draft.key);
    if (event.key !== undefined && !this.keys.has(event.key)) return;
    // What waited was sent in the meantime, with nobody waiting for an outcome.
    if (event.event === "committed" && this.outcome?.kind === "queued") {
      this.finish({ kind: "committed", attempts: 1, incoming: [] });
    }
    const stamp = this.draft?.stamp ?? null;
    for (const listener of this.logListeners) listener({ ...event, till: this.id, stamp, offline: this.network.mode === "offline" });
  }
}
