// The time line: one lane per till, the server between them, time running in reading direction.
//
// A save takes five milliseconds and a cashier five seconds, so time is not drawn to scale: each
// step takes its own place, and a long pause only somewhat more of it. Marks are added at the end
// and dropped at the beginning; nothing is ever drawn again.
import { el, setText } from "./dom.mjs";
import * as marks from "./timeline-marks.mjs";
import { say } from "./words.mjs";

const EVENTS_MAX = 120;
const TEXT_MAX = 60;
const STEP = 30;
const LABELLED_STEP = 66;
const FLIGHT = 26;

export class Timeline {
  constructor() {
    this.svg = marks.canvas();
    this.scroll = el("div", { class: "timeline-scroll", tabindex: "0" }, this.svg);
    this.lanes = el("div", { class: "timeline-lanes", "aria-hidden": "true" },
      ...["till-1", "server", "till-2"].map((lane) => el("span", { class: `lane-name ${lane}` })));
    this.list = el("ol", { class: "timeline-text", reversed: true });
    this.legend = el("ul", { class: "legend" });
    this.root = el("section", { class: "timeline", label: "timeline" },
      el("div", { class: "timeline-head" }, el("h2", { word: "timeline" }), this.legend),
      el("div", { class: "timeline-body" }, this.lanes, this.scroll),
      el("details", {}, el("summary", { word: "text_log" }), this.list));
    this.events = [];
    this.room = 0;
    new ResizeObserver(([entry]) => {
      this.room = entry.contentRect.width;
      this.fit();
    }).observe(this.scroll);
    this.restart();
  }

  restart() {
    this.x = STEP;
    this.last = {};
    this.open = {};
    this.waits = {};
    this.storedAt = {};
    this.groups = [];
    marks.clear(this.svg);
    this.fit();
  }

  /** Everything again, in the current language and direction. */
  translate() {
    const events = this.events;
    this.events = [];
    this.list.replaceChildren();
    this.restart();
    this.legend.replaceChildren(...legend());
    for (const lane of this.lanes.children) {
      const [, id] = lane.classList;
      setText(lane, id === "server" ? say("server") : say("till", { n: id.at(-1) }));
    }
    for (const event of events) this.add(event);
  }

  /** An event of a till's log: { till, at, event, … } */
  add(event) {
    this.events.push(event);
    if (this.events.length > EVENTS_MAX) this.events.shift();
    // Only a rebase on the own save: nothing to see.
    if (event.event === "merged" && !count(event.incoming)) return;
    const draw = drawings[event.event];
    if (!draw) return;
    this.advance(event);
    const group = marks.group(this.svg);
    draw(this, group, event);
    this.groups.push({ group, start: this.x });
    this.write(event);
    this.fit();
  }

  /** How far along the next mark stands. */
  advance({ at, till, event }) {
    const pause = Math.max(0, at - (this.last.at ?? at));
    const quiet = event === "loaded" || (event === "load-sent" && this.open[till]);
    const labelled = this.last.till === till && !quiet ? LABELLED_STEP : STEP;
    this.x += labelled + Math.min(70, 10 * Math.log2(1 + pause / 200));
    this.last = { at, till };
    this.endWait(till);
  }

  endWait(till) {
    const from = this.waits[till];
    if (from === undefined) return;
    delete this.waits[till];
    marks.waitLine(marks.group(this.svg), from, this.x, till);
  }

  /** The till's request has reached the server; where, is kept for its answer. */
  request(group, { till, attempt, offline }, kind) {
    const retry = kind === "save" && attempt > 1;
    const message = { x: this.x, from: till, to: "server", flight: FLIGHT, kind };
    if (offline) marks.broken(group, message);
    else marks.arrow(group, message);
    marks.dot(group, this.x, till, kind);
    if (kind === "save") marks.label(group, this.x, till, say(retry ? "mark.retry" : "mark.save-sent"));
    else if (!this.storedAt[till]) marks.label(group, this.x, till, say("mark.load-sent"));
    this.x += FLIGHT;
    if (!offline) this.open[till] = kind;
  }

  /** The answer to the till's open request, if there is one, arrives at its lane. */
  answer(group, { till }, kind) {
    if (!this.open[till]) return;
    delete this.open[till];
    marks.arrow(group, { x: this.x, from: "server", to: till, flight: FLIGHT, kind });
    this.x += FLIGHT;
  }

  /**
   * A save that was answered and is neither stale nor in doubt is stored. Where the answer does not
   * show the document as it was stored, the till reads it back before it calls that committed.
   */
  stored(group, event) {
    const { till } = event;
    if (this.open[till] !== "save") return;
    this.storedAt[till] = this.x;
    marks.dot(group, this.x, "server", "committed", 7);
    this.answer(group, event, "committed");
  }

  write(event) {
    const who = say("till", { n: event.till.at(-1) });
    const details = ["attempt", "incoming", "reapplied"].filter((name) => count(event[name])).map((name) => `${name} ${count(event[name])}`);
    const time = new Date(event.at).toISOString().slice(11, 23);
    this.list.prepend(el("li", {}, `${time} ${who}: ${say(`mark.${event.event}`)}${details.length ? ` (${details.join(", ")})` : ""}`));
    if (this.list.children.length > TEXT_MAX) this.list.lastChild.remove();
  }

  fit() {
    while (this.groups.length > EVENTS_MAX) this.groups.shift().group.remove();
    const start = this.groups[0] ? Math.max(0, this.groups[0].start - 2 * LABELLED_STEP) : 0;
    const wasAtEnd = this.atEnd();
    const end = Math.max(this.x + LABELLED_STEP, start + this.room);
    marks.frame(this.svg, start, end, rightToLeft());
    if (wasAtEnd) this.scroll.scrollLeft = rightToLeft() ? -this.scroll.scrollWidth : this.scroll.scrollWidth;
  }

  /** Whoever scrolled back to look at something is not pulled away from it. */
  atEnd() {
    const { scrollLeft, clientWidth, scrollWidth } = this.scroll;
    return Math.abs(scrollLeft) + clientWidth >= scrollWidth - 90;
  }
}

const drawings = {
  "save-sent": (line, group, event) => line.request(group, event, "save"),
  "load-sent": (line, group, event) => {
    line.stored(group, event);
    line.request(group, event, "load");
  },
  loaded: (line, group, event) => {
    line.answer(group, event, "loaded");
    marks.dot(group, line.x, event.till, "loaded");
  },
  stale: (line, group, event) => {
    marks.cross(group, line.x, "server", "stale");
    line.answer(group, event, "stale");
    marks.dot(group, line.x, event.till, "stale");
    marks.label(group, line.x, event.till, say("mark.stale"), "stale");
  },
  merged: (line, group, event) => {
    marks.joining(group, line.x, event.till);
    marks.label(group, line.x, event.till, `${say("mark.merged")} ${count(event.incoming)}+${count(event.reapplied)}`, "merged");
  },
  committed: (line, group, event) => {
    line.stored(group, event);
    if (line.storedAt[event.till]) marks.stamp(group, line.storedAt[event.till], event.till, event.stamp);
    delete line.storedAt[event.till];
    marks.dot(group, line.x, event.till, "committed", 7);
    marks.label(group, line.x, event.till, say("mark.committed"), "committed");
  },
  "in-doubt": (line, group, event) => {
    delete line.open[event.till];
    // Whether a request got through is what a till cannot know; the page does.
    if (event.offline) marks.dot(group, line.x, event.till, "in-doubt");
    else {
      marks.ring(group, line.x, "server", "in-doubt");
      marks.broken(group, { x: line.x, from: "server", to: event.till, flight: FLIGHT, kind: "in-doubt" });
      line.x += FLIGHT;
    }
    marks.label(group, line.x, event.till, say("mark.in-doubt"), "in-doubt");
  },
  echoed: (line, group, event) => {
    marks.ring(group, line.x, event.till, "committed");
    marks.label(group, line.x, event.till, say("mark.echoed"), "committed");
  },
  waiting: (line, group, event) => {
    line.answer(group, event, "stale");
    line.waits[event.till] = line.x;
    const seconds = Math.max(0, (event.until ?? event.at) - event.at) / 1000;
    marks.dot(group, line.x, event.till, "waiting");
    marks.label(group, line.x, event.till, `${say("mark.waiting")} ${seconds.toFixed(1)}`, "waiting");
  },
  asked: (line, group, event) => {
    marks.sign(group, line.x, event.till, "?", "asked");
    marks.label(group, line.x, event.till, say("mark.asked"), "asked");
  },
  rejected: (line, group, event) => {
    line.answer(group, event, "stale");
    marks.sign(group, line.x, event.till, "!", "stale");
    marks.label(group, line.x, event.till, say("mark.rejected"), "stale");
  },
  "signed-out": (line, group, event) => {
    line.answer(group, event, "stale");
    marks.sign(group, line.x, event.till, "!", "asked");
    marks.label(group, line.x, event.till, say("mark.signed-out"), "asked");
  },
  ended: (line, group, event) => {
    line.answer(group, event, "loaded");
    marks.sign(group, line.x, event.till, "■", "ended");
    marks.label(group, line.x, event.till, say("mark.ended"), "ended");
  },
};

/** Details come as counts or as lists of paths. */
function count(detail) {
  return Array.isArray(detail) ? detail.length : (detail ?? 0);
}

function legend() {
  const kinds = [["save", "save-sent"], ["load", "load-sent"], ["stale", "stale"], ["merged", "merged.long"], ["committed", "stored"],
    ["waiting", "waiting"], ["in-doubt", "in-doubt"], ["asked", "asked"]];
  return kinds.map(([kind, word]) => el("li", {}, el("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), say(`mark.${word}`)));
}

function rightToLeft() {
  return document.documentElement.dir === "rtl";
}
