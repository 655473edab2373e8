// The journal in the origin private file system. Its quick files are open to dedicated workers only, so one is started, with
// opfs-worker.js beside this file.
import { RestampError } from "./error.js";

export class OpfsStore {
  #worker;
  #asked = new Map();
  #count = 0;

  static async open(durability) {
    const store = new OpfsStore();
    store.#worker = new Worker(new URL("./opfs-worker.js", import.meta.url), { type: "module" });
    store.#worker.onmessage = ({ data }) => store.#settle(data);
    store.#worker.onerror = (event) => {
      event.preventDefault?.();
      for (const { reject } of store.#asked.values()) reject(new Error("the journal's worker failed"));
      store.#asked.clear();
    };
    await store.#ask("open", durability === "strict");
    return store;
  }

  #ask(method, ...args) {
    return new Promise((resolve, reject) => {
      this.#count += 1;
      this.#asked.set(this.#count, { resolve, reject });
      this.#worker.postMessage([this.#count, method, args]);
    });
  }

  #settle([number, answer, error]) {
    const asked = this.#asked.get(number);
    this.#asked.delete(number);
    if (!error) asked?.resolve(answer);
    else asked?.reject(error.code ? new RestampError(error.code, error.message) : Object.assign(new Error(error.message), { name: error.name }));
  }

  append(user, entries) {
    return this.#ask("append", user, entries);
  }

  load(user) {
    return this.#ask("load", user);
  }

  compact(user, snapshot) {
    return this.#ask("compact", user, snapshot);
  }

  isWhole(user) {
    return this.#ask("isWhole", user);
  }

  fence(user) {
    return this.#ask("fence", user);
  }

  close() {
    this.#ask("close").finally(() => this.#worker.terminate()).catch(() => {});
  }
}
