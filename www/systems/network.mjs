// A till's way to the server: slow as a shop's network, bad when asked, and watched, so that the
// picture shows what really went over it.
import { wait } from "./time.mjs";

/** What goes wrong; the reference server does it itself when a request asks for it. */
const faults = ["lost-answer", "lost-request", "503=0", "504-applied", "502-html", "delay=300"];
/** One request in so many. */
const FAULT_EVERY = 10;
/** On the way there, milliseconds: from, and up to so much more. */
const [TRIP_MS, TRIP_MORE_MS] = [20, 80];
/**
 * Requests that wait at the server for their turn. A browser opens six connections to one server:
 * twenty waiting tills in one page would leave none for the till that has its turn. The others are
 * answered at once when to come again; the server keeps their places.
 */
const WAITING_MAX = 3;
const waits = /\s*\b(wait|park)=\d+\s*/;
let waiting = 0;

export class Network {
  /** `onAnswer(request, response, body)`: response is null if there was none. */
  constructor({ hasFaults, onAsk, onAnswer }) {
    Object.assign(this, { hasFaults, onAsk, onAnswer, asleep: null });
    this.fetch = (input, init) => this.send(new Request(input, init));
  }

  /** Nothing goes out for so long, and then all of it. */
  sleep(milliseconds) {
    this.asleep = wait(milliseconds);
  }

  async send(request) {
    this.onAsk(request);
    if (this.hasFaults() && Math.random() * FAULT_EVERY < 1) {
      request.headers.set("X-Fault", faults[Math.floor(Math.random() * faults.length)]);
    }
    await wait(TRIP_MS + Math.random() * TRIP_MORE_MS);
    await this.asleep;
    try {
      const response = await inTurn(request);
      this.onAnswer(request, response, await bodyOf(response));
      return response;
    } catch (error) {
      this.onAnswer(request, null, null);
      throw error;
    }
  }
}

async function inTurn(request) {
  const prefer = request.headers.get("Prefer") ?? "";
  if (!waits.test(prefer)) return fetch(request);
  if (waiting >= WAITING_MAX) {
    request.headers.set("Prefer", prefer.replace(waits, "").replace(/^,|,$/g, "") || "return=minimal");
    return fetch(request);
  }
  waiting += 1;
  try {
    return await fetch(request);
  } finally {
    waiting -= 1;
  }
}

async function bodyOf(response) {
  return response.clone().json().catch(() => null);
}
