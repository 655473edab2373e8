// The journal in IndexedDB, shared by all pages of one origin. Database `restamp`: `entries`, one record an entry with its
// `user`, numbered by the database; `leases`, by user: which page may write, and by user and "whole": that nothing is missing which
// the page sent. A page that lost its lease is fenced: its transactions are given up as a whole.
import { RestampError } from "./error.js";

const name = "restamp";
const version = 3;

export function openIndexedDb(durability) {
  return IndexedDbStore.open(durability);
}

class IndexedDbStore {
  #durability;
  #database;
  /** The number of this page's lease, by user; every write checks it. */
  #terms = new Map();
  /** The users whose disk was full when this page's turn began: the number is of the turn before, and counts up with the first write. */
  #owes = new Set();
  /** The users whose journal is marked as whole. A disk that takes nothing lets the mark be taken off. */
  #whole = new Set();

  static async open(durability) {
    const store = new IndexedDbStore();
    store.#durability = durability;
    await store.#open();
    return store;
  }

  async #open() {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = ({ oldVersion }) => upgrade(request.result, request.transaction, oldVersion);
    try {
      this.#database = await new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
        // A page of an older version that does not let go: not now.
        request.onblocked = () => reject(new Error("blocked"));
      });
    } catch (error) {
      if (error?.name !== "VersionError") throw error;
      throw new RestampError("journal-format", "restamp: the journal on this device was written by a newer version");
    }
    // A newer version wants in: this page goes on in memory.
    this.#database.onversionchange = () => this.#database.close();
  }

  close() {
    this.#database.close();
  }

  /** Runs `steps` in one transaction; resolves with its answer when the transaction is complete. */
  async #run(mode, steps, again = true) {
    let transaction;
    try {
      transaction = this.#database.transaction(["entries", "leases"], mode, this.#durability && { durability: this.#durability });
    } catch (error) {
      // The browser closes databases by itself, for example when it clears a site's data: once more, with a new one.
      if (!again || error?.name !== "InvalidStateError") throw error;
      await this.#open();
      return this.#run(mode, steps, false);
    }
    let fenced = false;
    let answer;
    const fence = () => {
      fenced = true;
      transaction.abort();
    };
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(answer);
      transaction.onabort = () => reject(fenced ? new RestampError("fenced", "restamp: another page writes") : transaction.error ?? new Error("aborted"));
    });
    try {
      steps(transaction.objectStore("entries"), transaction.objectStore("leases"), (value) => { answer = value; }, fence);
    } catch (error) {
      done.catch(() => {});
      transaction.abort();
      throw error;
    }
    return done;
  }

  /** Asked first: what follows in the transaction is undone if another page has the lease. */
  #check(user, leases, fence) {
    const term = this.#terms.get(user);
    if (term === undefined) return;
    const owed = this.#owes.has(user);
    leases.get(user).onsuccess = ({ target }) => {
      // A transaction before this one may have begun the turn that was owed.
      const own = owed ? this.#terms.get(user) : term;
      if ((target.result?.term ?? 0) !== own) fence();
      else if (this.#owes.has(user)) leases.put({ ...target.result, term: own + 1, expires: Infinity }, user);
    };
  }

  /** A write is complete: the turn that was owed has begun, and nothing is missing. */
  #wrote(user) {
    if (this.#owes.delete(user)) this.#terms.set(user, this.#terms.get(user) + 1);
    this.#whole.add(user);
  }

  async append(user, entries) {
    const appended = this.#run("readwrite", (store, leases, _, fence) => {
      this.#check(user, leases, fence);
      for (const bytes of entries) store.put({ user, bytes });
      this.#mark(user, leases);
    });
    try {
      await appended;
      this.#wrote(user);
    } catch (error) {
      if (error.code !== "fenced") await this.#tear(user);
      throw error;
    }
  }

  #mark(user, leases) {
    if (!this.#whole.has(user)) leases.put(true, whole(user));
  }

  /** The page goes on without these entries: whoever reads the journal must know, before anything is sent. */
  async #tear(user) {
    this.#whole.delete(user);
    const torn = this.#run("readwrite", (_, leases) => {
      const term = this.#terms.get(user);
      leases.get(user).onsuccess = ({ target }) => {
        if (term === undefined || (target.result?.term ?? 0) === term) leases.delete(whole(user));
      };
    });
    await torn.catch(() => {});
  }

  isWhole(user) {
    return this.#run("readonly", (_, leases, answer) => {
      leases.get(whole(user)).onsuccess = ({ target }) => answer(target.result === true);
    });
  }

  load(user) {
    return this.#run("readonly", (store, _, answer) => {
      store.index("user").getAll(user).onsuccess = ({ target }) => answer(target.result.map(({ bytes }) => bytes));
    });
  }

  /** Puts `snapshot` in the place of all entries of the user, in one transaction. */
  async compact(user, snapshot) {
    await this.#run("readwrite", (store, leases, _, fence) => {
      this.#check(user, leases, fence);
      this.#mark(user, leases);
      store.index("user").getAllKeys(user).onsuccess = ({ target }) => {
        target.result.forEach((key) => store.delete(key));
        for (const bytes of snapshot) store.put({ user, bytes });
      };
    });
    this.#wrote(user);
  }

  /**
   * This page may write from now on, and nobody else; answers the number of its term, which only grows. `again`: after the disk did not
   * take that, unless it is another page's turn by now.
   */
  async fence(user, page, again = false) {
    const fenced = this.#run("readwrite", (_, leases, answer, fence) => {
      leases.get(user).onsuccess = ({ target }) => {
        const before = again ? this.#terms.get(user) : undefined;
        const term = target.result?.term ?? 0;
        if (before !== undefined && term !== before) return fence();
        const next = before === undefined || this.#owes.has(user) ? term + 1 : term;
        leases.put({ term: next, page, expires: Infinity }, user);
        answer(next);
      };
    });
    try {
      this.#terms.set(user, await fenced);
      this.#owes.delete(user);
    } catch (error) {
      if (!again) await this.#owe(user);
      throw error;
    }
    return this.#terms.get(user);
  }

  async #owe(user) {
    const known = this.#run("readonly", (_, leases, answer) => {
      leases.get(user).onsuccess = ({ target }) => answer(target.result?.term ?? 0);
    });
    try {
      this.#terms.set(user, await known);
      this.#owes.add(user);
    } catch {
      // Nothing that it says can be believed: then nothing keeps this page from writing.
      this.#terms.delete(user);
      this.#owes.delete(user);
    }
  }

  /**
   * Where there are no Web Locks: the term, if the lease is this page's or free; it then lasts `ms`. Else undefined. One that lapsed is
   * free if nobody answers (`isSilent`): its page may be there, and its disk not let it renew it.
   */
  async lease(user, page, now, ms, isSilent) {
    const term = await this.#run("readwrite", (_, leases, answer) => {
      leases.get(user).onsuccess = ({ target }) => {
        const held = target.result;
        const mine = held?.page === page && held.term === this.#terms.get(user);
        // A clock that was put back must not make a lease last for ever.
        const isHeld = isSilent ? held?.expires > now && held.expires <= now + ms : held?.expires > 0;
        if (!mine && isHeld) return;
        const term = mine ? held.term : (held?.term ?? 0) + 1;
        leases.put({ term, page, expires: now + ms }, user);
        answer(term);
      };
    });
    if (term !== undefined) {
      this.#terms.set(user, term);
      this.#owes.delete(user);
    }
    return term;
  }

  /** The lease is free again, if it is this page's. */
  release(user) {
    return this.#run("readwrite", (_, leases, __, fence) => {
      this.#check(user, leases, fence);
      leases.get(user).onsuccess = ({ target }) => leases.put({ ...target.result, expires: 0 }, user);
    });
  }
}

function whole(user) {
  return [user, "whole"];
}

/** From version 0 (nothing); 1, in which each page of a user had a part of its own, named by a number behind a NUL; or 2, without marks. */
function upgrade(database, transaction, from) {
  if (from < 1) database.createObjectStore("entries", { autoIncrement: true }).createIndex("user", "user");
  if (from < 2) database.createObjectStore("leases");
  if (from === 0) return;
  const marked = new Set();
  transaction.objectStore("entries").openCursor().onsuccess = ({ target: { result: cursor } }) => {
    if (!cursor) return;
    const { user: known, bytes } = cursor.value;
    const user = known.split("\0", 1)[0];
    if (user !== known) cursor.update({ user, bytes });
    if (!marked.has(user)) transaction.objectStore("leases").put(true, whole(user));
    marked.add(user);
    cursor.continue();
  };
}
