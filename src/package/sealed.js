// Entries encrypted at rest by AES-GCM, with the key that the page gives: a store around another one.
import { RestampError } from "./error.js";

/** The first byte of an encrypted entry; one in the clear begins with "{". */
const sealed = 1;
const iv_bytes = 12;

export class SealedStore {
  #store;
  #key;

  constructor(store, key) {
    if (!(key instanceof CryptoKey) || key.algorithm.name !== "AES-GCM" || !["encrypt", "decrypt"].every((use) => key.usages.includes(use))) {
      throw new RestampError("invalid-argument", "restamp: options.key must be a CryptoKey for AES-GCM that encrypts and decrypts");
    }
    this.#store = store;
    this.#key = key;
    // What pages that share a store need of it is not the entries' matter.
    for (const name of ["fence", "lease", "release", "isWhole", "close"]) {
      if (typeof store[name] === "function") this[name] = store[name].bind(store);
    }
  }

  async append(user, entries) {
    await this.#store.append(user, await this.#seal(user, entries));
  }

  async compact(user, entries) {
    await this.#store.compact(user, await this.#seal(user, entries));
  }

  /** Entries that were written in the clear, before there was a key, are read as they are. */
  async load(user) {
    const entries = await this.#store.load(user);
    try {
      return await Promise.all(entries.map((entry) => (entry[0] === sealed ? this.#open(user, entry) : entry)));
    } catch {
      throw new RestampError("journal-key", "restamp: this key does not open the journal on this device");
    }
  }

  #seal(user, entries) {
    return Promise.all(entries.map(async (entry) => {
      const iv = crypto.getRandomValues(new Uint8Array(iv_bytes));
      const text = new Uint8Array(await crypto.subtle.encrypt(this.#how(user, iv), this.#key, entry));
      const whole = new Uint8Array(1 + iv_bytes + text.length);
      whole[0] = sealed;
      whole.set(iv, 1);
      whole.set(text, 1 + iv_bytes);
      return whole;
    }));
  }

  async #open(user, entry) {
    const iv = entry.subarray(1, 1 + iv_bytes);
    return new Uint8Array(await crypto.subtle.decrypt(this.#how(user, iv), this.#key, entry.subarray(1 + iv_bytes)));
  }

  /** An entry of another user does not open. */
  #how(user, iv) {
    return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(user) };
  }
}
