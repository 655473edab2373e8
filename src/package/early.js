// frappe() and rest() are written as arguments of openTill(), which is what loads the module: so
// they may be called before it is there. The backend is then made when it is first needed.
import * as bindings from "./bindings.js";
import { assertLoaded, isLoaded } from "./load.js";
import { checkOptions } from "./options.js";
import { wordsFor } from "./words.js";

class EarlyBackend {
  #make;
  #made;

  constructor(make) {
    this.#make = make;
  }

  made() {
    assertLoaded();
    return (this.#made ??= this.#make());
  }

  get guarantees() {
    return this.made().guarantees;
  }

  load(key, signal) {
    return this.made().load(key, signal);
  }

  save(request, signal) {
    return this.made().save(request, signal);
  }

  find(field, value, signal) {
    return this.made().find(field, value, signal);
  }

  changes(onChange) {
    return this.made().changes(onChange);
  }
}

/** What `make` makes, now or as soon as the module is there. */
export function backend(make) {
  return isLoaded() ? make() : new EarlyBackend(make);
}

/** Opens a till; the module is loaded. */
export async function open(options) {
  checkOptions(options);
  if (options?.backend instanceof EarlyBackend) options = { ...options, backend: options.backend.made() };
  return bindings.openTill(options, await wordsFor(options));
}
