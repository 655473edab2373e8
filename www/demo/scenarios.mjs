// What involves both tills: starting a bill, saving at the same instant, the race.
import { button, el, setText } from "./dom.mjs";
import { count, doomed, EDITS, holdsAll, run, shared, tills } from "./race.mjs";
import { cashier, itemName, newBill } from "./shop.mjs";
import { say } from "./words.mjs";

const EDIT_PAUSE_MS = 25;
const openingItems = ["COFFEE", "TEA"];

export class Scenarios {
  constructor(stations) {
    this.stations = stations;
    this.onBill = () => {};
    this.working = el("span", { class: "working", role: "status" });
    const start = (word, work) => button({ class: "scenario", id: word, word, on: { click: () => this.during(work) } });
    this.bar = el("nav", { class: "scenarios" },
      start("both_at_once", () => this.bothAtOnce()),
      start("race", () => this.race()),
      start("new_bill", () => this.newBill()),
      this.working);
    this.result = el("section", { class: "result", role: "status", hidden: true });
    this.lastRace = null;
  }

  /** Goes on with the bill that a till could open, else with a new one. */
  async begin() {
    const holder = this.stations.find((station) => station.draft);
    if (!holder) return this.newBill();
    if (!holder.draft.stamp) holder.save();
    return this.share(holder);
  }

  async newBill(doc = newBill(openingItems), creator = this.stations[0]) {
    await Promise.all(this.stations.map((station) => station.leaveBill()));
    await creator.create(doc);
    creator.save();
    return this.share(creator);
  }

  /** One till has the bill; as soon as the server has it too, the other till opens it. */
  async share(holder) {
    this.onBill(holder.draft);
    const key = await holder.landed();
    const others = this.stations.filter((station) => station.draft?.key !== key);
    await Promise.all(others.map((station) => station.openBill(key)));
    this.onBill(holder.draft);
  }

  /** A bill that ended elsewhere: what is left of mine goes on a new one. */
  billWith(creator, rows) {
    const items = rows.map(({ item_code, item_name, qty, posa_notes }) => ({ item_code, item_name, qty, posa_notes }));
    return this.during(() => this.newBill({ ...newBill(), items }, creator));
  }

  /** Both scan something and save at the same instant: one of them comes too late. */
  async bothAtOnce() {
    const [one, two] = this.stations;
    one.scan("COFFEE");
    two.scan("CAKE");
    return Promise.all([one.save(), two.save()]);
  }

  async race() {
    this.result.hidden = true;
    await this.newBill(newBill([...shared, doomed]));
    const heard = [];
    const stop = this.stations.map((station) => listen(station, heard));
    const started = performance.now();
    await Promise.all(this.stations.map((station) => run(station, { pause: EDIT_PAUSE_MS })));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    stop.forEach((end) => end());
    await Promise.all(this.stations.map((station) => station.look()));
    const doc = await fetchDocument(this.stations[0]);
    const times = (name) => heard.filter((event) => event.event === name).length;
    this.lastRace = {
      lines: count(doc), seconds, saves: times("save-sent"), stale: times("stale"),
      merged: heard.filter((event) => event.event === "merged" && event.incoming > 0).length, asked: times("asked"),
    };
    this.showRace();
    return this.lastRace;
  }

  showRace() {
    const { lines, ...counts } = this.lastRace;
    const all = holdsAll(lines) && counts.asked === 0;
    const counted = ({ expected, found, ...line }) => el("div", { class: found === expected ? undefined : "wrong" },
      el("dt", {}, nameOf(line)), el("dd", {}, say("race.found", { found, expected })));
    this.result.replaceChildren(
      el("div", { class: "result-head" }, el("h2", {}, say("race.title")),
        button({ class: "close", on: { click: () => { this.result.hidden = true; } } }, say("close"))),
      el("p", { class: all ? "verdict good" : "verdict bad" }, say(all ? "race.all" : "race.wrong")),
      el("p", {}, say("race.counts", { edits: edits(), ...counts })),
      el("dl", { class: "counted" }, ...lines.map(counted)));
    this.result.hidden = false;
  }

  async during(work) {
    const buttons = this.bar.querySelectorAll("button");
    buttons.forEach((control) => { control.disabled = true; });
    setText(this.working, say("working"));
    try {
      return await work();
    } finally {
      buttons.forEach((control) => { control.disabled = false; });
      setText(this.working, "");
    }
  }

  translate() {
    if (this.lastRace && !this.result.hidden) this.showRace();
  }
}

function nameOf(line) {
  if (line.code) return itemName({ item_code: line.code });
  return line.removed ? say("race.removed") : say("race.own_rows", { who: cashier(line.rowsOf) });
}

function edits() {
  return EDITS * tills.length;
}

function listen(station, heard) {
  const listener = (event) => heard.push(event);
  station.logListeners.add(listener);
  return () => station.logListeners.delete(listener);
}

/** The server's own copy, past Restamp. */
async function fetchDocument(station) {
  const path = `/api/resource/Sales%20Invoice/${encodeURIComponent(station.draft.key)}`;
  const answer = await fetch(path, { headers: { Authorization: "token till-1:secret", Accept: "application/json" } });
  return (await answer.json()).data;
}
