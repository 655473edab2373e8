// The entry `restamp`: the module is the .wasm file beside this one.
import { open } from "./early.js";
import { load } from "./load.js";

export * from "./face.js";

export function init(source) {
  return load(source ?? new URL("./restamp_bg.wasm", import.meta.url));
}

export async function openTill(options) {
  await init();
  return open(options);
}
