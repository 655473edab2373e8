// A merge whose base and mine are held in the module's memory.
import { moduleMemory } from "./bindings.js";

const kinds = ["merged", "conflict", "terminal"];
const none = Object.freeze([]);

export class PreparedMerge {
  #held;
  #memory = moduleMemory();

  constructor(held) {
    this.#held = held;
  }

  /** The result with its bytes copied out. */
  merge(theirs) {
    const result = this.mergeView(theirs);
    result.bytes = result.bytes.slice();
    return result;
  }

  /** The result with its bytes where they lie: valid until the next call of anything in this package. */
  mergeView(theirs) {
    const held = this.#held;
    const kind = held.run(theirs);
    const conflicts = kind === 1 ? held.conflicts() : none;
    return { kind: kinds[kind], bytes: new Uint8Array(this.#memory.buffer, held.start(), held.length()), conflicts };
  }

  free() {
    this.#held.free();
  }
}
