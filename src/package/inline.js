// The entry `restamp/inline`: the module travels inside wasm-text.js, which the build writes.
import { open } from "./early.js";
import { load } from "./load.js";
import text from "./wasm-text.js";

export * from "./face.js";

export function init(source) {
  return load(source ?? (() => Uint8Array.from(atob(text), (char) => char.charCodeAt(0))));
}

export async function openTill(options) {
  await init();
  return open(options);
}
