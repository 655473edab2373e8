// A merge whose base and mine are held in the module's memory.
const kinds = ["merged", "conflict", "terminal"];
const none = Object.freeze([]);

export class PreparedMerge {
  #held;

  constructor(held) {
    this.#held = held;
  }

  /** The result with its bytes copied out. */
  merge(theirs) {
    const kind = this.#held.run(theirs);
    return this.#result(kind, this.#held.bytes());
  }

  /** The result with its bytes where they lie: valid until the next call of anything in this package. */
  mergeView(theirs) {
    const kind = this.#held.run(theirs);
    return this.#result(kind, this.#held.view());
  }

  #result(kind, bytes) {
    return { kind: kinds[kind], bytes, conflicts: kind === 1 ? this.#held.conflicts() : none };
  }

  free() {
    this.#held.free();
  }
}
