// Which page sends, as the pages find it out by the Web Lock: with locks and a store of the test's own, for a browser gives
// nobody the moment between a lock and what is done with it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./project.mjs";

/** A lock manager for one name, as the standard has it: first come first served, and who steals gets it at once. */
class Locks {
  line = [];
  held;

  request(name, { ifAvailable, signal, steal }, callback) {
    return new Promise((resolve, reject) => {
      const asks = { callback, resolve, reject };
      if (ifAvailable && this.held) return resolve(callback(null));
      signal?.addEventListener("abort", () => {
        if (this.held === asks) return;
        this.line = this.line.filter((other) => other !== asks);
        reject(signal.reason);
      });
      if (steal && this.held) {
        const { held } = this;
        this.held = undefined;
        held.reject(new Error("stolen"));
      }
      if (steal || ifAvailable) this.line.unshift(asks);
      else this.line.push(asks);
      this.#grant();
    });
  }

  #grant() {
    if (this.held || this.line.length === 0) return;
    const asks = this.line.shift();
    this.held = asks;
    Promise.resolve(asks.callback({})).then((value) => {
      if (this.held !== asks) return;
      this.held = undefined;
      asks.resolve(value);
      this.#grant();
    });
  }
}

/** Counts terms; `wait` holds the next fence up. */
class Store {
  term = 0;
  wait = Promise.resolve();

  async fence() {
    await this.wait;
    this.term += 1;
    return this.term;
  }

  async lease() {
    throw new Error("nobody asks for a lease where there are locks");
  }
}

const locks = new Locks();
Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
const { Tabs } = await import(join(root, "src/package/tabs.js"));

function page(t, store, user, name) {
  const heard = [];
  const tabs = new Tabs(store, user, name, (kind, value) => heard.push(kind === "follow" ? `follow ${value}` : kind));
  t.after(() => tabs.close());
  return { tabs, heard };
}

const soon = () => new Promise((resolve) => { setTimeout(resolve, 50); });

test("a page that finds its journal another's stands in line, and leads again with a term of its own", async (t) => {
  const store = new Store();
  const a = page(t, store, "fenced", "a");
  assert.equal(await a.tabs.start(), true);
  a.tabs.announce();
  store.term += 1; // by a page that was given the lock and had lost it before it woke up
  a.tabs.lost();
  await soon();
  assert.deepEqual([a.heard, store.term], [["follow ", "lead"], 3]);
  const b = page(t, store, "fenced", "b");
  a.tabs.close();
  await soon();
  assert.equal(await b.tabs.start(), true, "its lock is free once it is closed");
});

test("a page whose lock is taken before it leads is in line again, and leads when it is free", async (t) => {
  const store = new Store();
  let go;
  store.wait = new Promise((resolve) => { go = resolve; });
  const a = page(t, store, "taken", "a");
  const starts = a.tabs.start();
  await soon();
  let free;
  locks.request("restamp\0taken", { steal: true }, () => new Promise((resolve) => { free = resolve; })).catch(() => {});
  assert.equal(await starts, false);
  go();
  await soon();
  assert.deepEqual(a.heard, [], "it has counted the term up, and leads not");
  free();
  await soon();
  assert.deepEqual(a.heard, ["lead"]);
});
