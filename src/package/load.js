// Brings the WebAssembly module to life, once for both entries. Importing this does nothing.
import instantiate from "./bindings.js";
import { RestampError } from "./error.js";

let loaded = false;
let loading = null;

/** Concurrent calls share one promise; after a failure the next call tries again. */
export function load(source) {
  loading ??= start(source).then(
    () => { loaded = true; },
    (error) => {
      loading = null;
      throw error;
    },
  );
  return loading;
}

export function isLoaded() {
  return loaded;
}

export function assertLoaded() {
  if (!loaded) throw new RestampError("not-initialised", "restamp: call and await init() first");
}

async function start(source) {
  if (typeof source === "function") source = source();
  if (typeof source === "string" || source instanceof URL) source = await fetchOrRead(source);
  if (isResponse(source) && !source.ok) throw unreachable(source.url || "the module", `the server answered ${source.status}`);
  if (!isResponse(source) && !isBytes(source) && !(source instanceof WebAssembly.Module)) {
    throw new RestampError(
      "invalid-argument",
      "restamp: init(source) takes a string, URL, Response, BufferSource or WebAssembly.Module",
    );
  }
  try {
    await instantiate({ module_or_path: source });
  } catch (error) {
    throw new RestampError("not-loaded", `restamp: this is not the package's WebAssembly module: ${reason(error)}`);
  }
}

async function fetchOrRead(url) {
  try {
    if (String(url).startsWith("file:") && globalThis.process?.versions?.node) {
      // In a variable, so that no bundler looks for Node's modules.
      const fs = "node:fs/promises";
      const { readFile } = await import(/* @vite-ignore */ /* webpackIgnore: true */ fs);
      return await readFile(new URL(url));
    }
    return await fetch(url);
  } catch (error) {
    throw unreachable(url, reason(error));
  }
}

function unreachable(url, why) {
  return new RestampError("not-loaded", `restamp: could not load ${url}: ${why}`);
}

function isResponse(value) {
  return typeof Response === "function" && value instanceof Response;
}

function isBytes(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

function reason(error) {
  return error instanceof Error ? error.message : String(error);
}
