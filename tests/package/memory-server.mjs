// A server of documents in this process: what a POS team's own backend object looks like.

export const guarantees = {
  compareAndSet: "atomic", token: "native", transactions: false, leases: false, sequences: false, changes: false, apply: false,
};
const copy = (value) => JSON.parse(JSON.stringify(value));

export class MemoryServer {
  #docs = new Map();
  #tokens = new Map();
  #stamps = 0;
  /** Calls so far: "load KEY", "save KEY" ("save null" creates). */
  calls = [];
  /** The requests of the saves so far. */
  saves = [];
  /** Called before each call with its name; what it returns or throws takes the place of the answer. */
  before = () => undefined;
  /** The same after the call was carried out: an answer that is lost on its way back. */
  after = () => undefined;

  put(key, doc) {
    this.#stamps += 1;
    this.#docs.set(key, { stamp: `s${this.#stamps}`, doc: copy(doc) });
    return key;
  }

  /** What another till changes. */
  elsewhere(key, edit) {
    const doc = copy(this.#docs.get(key).doc);
    edit(doc);
    return this.put(key, doc);
  }

  drop(key) {
    this.#docs.delete(key);
  }

  doc(key) {
    return this.#docs.get(key)?.doc;
  }

  get documents() {
    return [...this.#docs.values()].map(({ doc }) => doc);
  }

  get backend() {
    const call = (name, run) => async (...args) => {
      const key = name(...args);
      this.calls.push(key);
      const instead = await this.before(key, ...args);
      if (instead !== undefined) return instead;
      const answer = run(...args);
      return (await this.after(key, ...args)) ?? answer;
    };
    return {
      guarantees,
      load: call((key) => `load ${key}`, (key) => this.#load(key)),
      save: call((request) => `save ${request.key}`, (request) => this.#save(request)),
    };
  }

  #load(key) {
    const found = this.#docs.get(key);
    return found ? { kind: "loaded", stamp: found.stamp, doc: copy(found.doc) } : { kind: "gone" };
  }

  #save(request) {
    this.saves.push(copy(request));
    if (request.key === null) {
      const known = this.#tokens.get(request.token);
      const key = known ?? this.put(`D${this.#tokens.size + 1}`, request.doc);
      this.#tokens.set(request.token, key);
      return { kind: "saved", key, stamp: this.#docs.get(key).stamp };
    }
    const found = this.#docs.get(request.key);
    if (!found) return { kind: "gone" };
    if (found.stamp !== request.stamp) return { kind: "stale" };
    this.put(request.key, request.doc);
    return { kind: "saved", stamp: this.#docs.get(request.key).stamp };
  }
}

/** Lines named by `id`, their `qty` counted. */
export const shopProfile = {
  lifecycle: { field: "state", submitted: ["paid"], cancelled: ["void"] },
  tokenField: "token",
  due: ["total"],
  frozen: ["currency"],
  tables: { lines: { row: ["id"], counter: ["qty"], position: "pos" } },
};

/** A store of the page's own, kept in this process; `batches` is how often it was written to. */
export class MemoryStore {
  users = new Map();
  batches = 0;
  /** Set to make writing fail. */
  broken = null;

  async append(user, entries) {
    this.batches += 1;
    if (this.broken) throw this.broken;
    this.users.set(user, [...(await this.load(user)), ...entries.map((entry) => entry.slice())]);
  }

  async load(user) {
    return this.users.get(user) ?? [];
  }

  async compact(user, snapshot) {
    if (this.broken) throw this.broken;
    this.users.set(user, snapshot.map((entry) => entry.slice()));
  }
}
