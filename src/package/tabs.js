// Which of the pages of one origin and user sends: the one that holds the Web Lock; where there are no Web Locks, the one
// that renews the lease in the store. The others stand in line for it, and take it from a page that answers no more.
// Pages talk by BroadcastChannel: ["lead", page, term] says who sends; the rest is between the pages' tills.

const ping_ms = 2000;
const silences_max = 2;
const lease_ms = 6000;

export function canShare(store) {
  return typeof store?.fence === "function" && typeof BroadcastChannel === "function";
}

export class Tabs {
  #store;
  #user;
  #page;
  #name;
  /** Called with "lead", with "follow" and the page that sends ("" if none is known), or with "message" and the message. */
  #on;
  #channel;
  #locks = lockManager();
  #release;
  #inLine;
  #timer;
  #leads = false;
  /** The till that sends has read its journal, and hears the others. */
  #ready = false;
  #closed = false;
  #leader = "";
  #term = 0;
  /** The store has this page's term. */
  #fenced = false;
  #heard = true;
  #silences = 0;

  constructor(store, user, page, on) {
    this.#store = store;
    this.#user = user;
    this.#page = page;
    this.#name = `restamp\0${user}`;
    this.#on = on;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
  }

  /** Whether this page sends from the start. */
  async start() {
    let mine;
    try {
      mine = this.#locks ? await this.#take({ ifAvailable: true }) : await this.#renew(false);
    } catch {
      // Refused, as to a page of an opaque origin: then by lease.
      this.#locks = undefined;
      mine = await this.#renew(false).catch(() => true);
    }
    this.#leads = mine;
    if (!mine) {
      this.#standInLine();
      this.post(["ping"]);
    }
    this.#timer = setInterval(() => this.#tick(), ping_ms);
    return mine;
  }

  /** Says that this page sends: its till is ready. */
  announce() {
    this.#ready = true;
    this.#answer();
  }

  #answer() {
    if (this.#leads) this.post(this.#ready ? ["lead", this.#page, this.#term] : ["soon"]);
  }

  /** The journal turns out to be another page's. Whoever counted the term up may not lead: all begin anew. */
  lost() {
    if (this.#leads && !this.#closed) this.#lose("", this.#term);
  }

  post(message) {
    if (!this.#closed) this.#channel.postMessage(message);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#inLine?.abort();
    this.#channel.close();
    if (this.#leads && !this.#locks) this.#store.release(this.#user).catch(() => {});
    this.#release?.();
  }

  #receive(message) {
    if (this.#closed || !Array.isArray(message)) return;
    const [kind, page, term] = message;
    if (kind === "ping") return this.#answer();
    if (kind === "soon") {
      this.#heard = true;
      return;
    }
    if (kind !== "lead") {
      if (page === this.#leader) this.#heard = true;
      return this.#on("message", message);
    }
    if (term < this.#term) return;
    this.#heard = true;
    if (this.#leads) return this.#lose(page, term);
    if (page === this.#leader && term === this.#term) return;
    [this.#leader, this.#term] = [page, term];
    this.#on("follow", page);
  }

  #lose(page, term) {
    if (page === this.#page || this.#closed) return;
    this.#leads = this.#ready = false;
    this.#release?.();
    [this.#leader, this.#term] = [page, term];
    this.#standInLine();
    this.#on("follow", page);
    this.post(["ping"]);
  }

  /** Answers whether the lock is this page's; it then is until it is released, or taken by a page that finds this one silent. */
  #take(options) {
    return new Promise((answer, refuse) => {
      let mine = false;
      const held = (lock) => {
        if (!lock || this.#closed) return answer(false);
        mine = true;
        return new Promise((release) => {
          this.#release = release;
          this.#begin().then(answer);
        });
      };
      this.#locks.request(this.#name, options, held).catch((error) => {
        if (!mine) return refuse(error);
        // Taken away by a page that found this one silent; that it was to lead may be over before it began.
        answer(false);
        if (this.#leads) this.#lose("", this.#term);
        else this.#standInLine();
      });
    });
  }

  /** A new term: whoever wrote before is fenced from here on. A disk that takes nothing does not keep a till from sending. */
  async #begin() {
    const before = this.#term;
    await this.#fence();
    if (!this.#fenced) this.#term = before + 1;
    return true;
  }

  async #fence(again = false) {
    try {
      this.#term = Math.max(await this.#store.fence(this.#user, this.#page, again), this.#term);
      this.#fenced = true;
    } catch (error) {
      this.#fenced = false;
      if (again && error?.code === "fenced") this.lost();
    }
  }

  #standInLine(options = {}) {
    if (!this.#locks || this.#closed) return;
    this.#inLine?.abort();
    this.#inLine = options.steal ? undefined : new AbortController();
    this.#take({ ...options, signal: this.#inLine?.signal }).then((mine) => mine && this.#won(), () => {});
  }

  #won() {
    if (this.#closed || this.#leads) return;
    this.#leads = true;
    this.#leader = this.#page;
    this.#on("lead");
  }

  async #renew(isSilent) {
    const term = await this.#store.lease(this.#user, this.#page, Date.now(), lease_ms, isSilent);
    if (term !== undefined) this.#term = term;
    return term !== undefined;
  }

  async #tick() {
    if (this.#closed) return;
    // A page that answers keeps its lease, also while its disk does not let it renew it.
    if (!this.#locks && (this.#leads || !this.#heard)) {
      const before = this.#term;
      const mine = await this.#renew(!this.#heard).catch(() => this.#leads);
      // A page that slept may get its lease back after another one led: it reads the journal anew.
      if (this.#leads && this.#term !== before) this.#lose("", this.#term);
      if (mine) this.#won();
      else if (this.#leads) this.#lose("", this.#term);
    }
    if (this.#leads) {
      // The disk may take it now: until then nothing keeps the page before from writing.
      if (this.#locks && !this.#fenced) await this.#fence(true);
      return;
    }
    this.#silences = this.#heard ? 0 : this.#silences + 1;
    this.#heard = false;
    if (this.#locks && this.#silences >= silences_max) {
      this.#silences = 0;
      this.#standInLine({ steal: true });
    } else {
      this.post(["ping"]);
    }
  }
}

function lockManager() {
  try {
    return globalThis.navigator?.locks;
  } catch {
    return undefined;
  }
}
