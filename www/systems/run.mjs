// One run of a scene: its tills, what they counted, and whether they go on.
import { openTill, rest } from "restamp";
import { Network } from "./network.mjs";
import { Server } from "./server.mjs";

const TILLS_MAX = 20;

export class Run {
  /** `choices`: mode, tills, faults, and whatever else the scene offers. */
  constructor(choices) {
    Object.assign(this, choices);
    this.id = crypto.randomUUID().slice(0, 8);
    this.begun = performance.now();
    this.stopped = false;
    this.counts = {};
    /** When what happened, milliseconds since the start: for charts. */
    this.events = [];
    this.engines = [];
    this.server = new Server();
    this.stations = Array.from({ length: choices.tills }, (_, index) => this.station(index + 1));
  }

  get now() {
    return performance.now() - this.begun;
  }

  station(number) {
    const station = { number, name: `till-${number}`, hue: Math.round((number - 1) * 360 / TILLS_MAX * 7) % 360, state: "idle" };
    station.network = new Network({
      hasFaults: () => this.faults,
      onAsk: (request) => this.watch?.asked(station, request),
      onAnswer: (request, response, body) => {
        this.note("requests", station);
        if ([412, 423].includes(response?.status)) this.note("conflicts", station);
        this.watch?.answered(station, request, response, body);
      },
    });
    station.server = new Server(station.network.fetch);
    return station;
  }

  /** Counts one of what is named. */
  note(kind, station) {
    this.counts[kind] = this.count(kind) + 1;
    this.events.push({ at: this.now, kind, till: station?.number, strategy: station?.strategy });
  }

  count(kind) {
    return this.counts[kind] ?? 0;
  }

  /** A till of the package at this station. */
  async open(station, path, options = {}) {
    // Without "changes": each till would hold one of the browser's six connections.
    const offers = ["transactions", "leases", "sequences", "tokens", ...(options.offers ?? [])];
    const backend = rest({ url: location.origin, path: `/rest/${path}`, fetch: station.network.fetch, offers });
    const engine = await openTill({ ...options.till, backend, till: station.name, user: `${this.id}-${station.name}`, store: "memory" });
    engine.on("log", ({ event }) => {
      if (event === "merged") this.note("merged", station);
    });
    this.engines.push(engine);
    return engine;
  }

  async close() {
    await Promise.all(this.engines.map((engine) => engine.close()));
    this.feed?.close();
  }
}
