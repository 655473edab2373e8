// What both entries export besides init() and openTill().
import * as bindings from "./bindings.js";
import { backend } from "./early.js";
import { assertLoaded } from "./load.js";
import { PreparedMerge } from "./prepared.js";

export { RestampError } from "./error.js";
export { profiles } from "./profiles.js";
export { schedules } from "./schedules.js";

export function merge(base, mine, theirs, profile, options) {
  assertLoaded();
  return bindings.merge(base, mine, theirs, profile, options);
}

export function mergeBytes(base, mine, theirs, profile) {
  assertLoaded();
  return bindings.mergeBytes(base, mine, theirs, profile);
}

export function prepareMerge(base, mine, profile) {
  assertLoaded();
  return new PreparedMerge(bindings.prepareMerge(base, mine, profile));
}

export function classify(adapter, call, response) {
  assertLoaded();
  return bindings.classify(adapter, call, response);
}

export function delay(schedule, attempt, random, previous, retryAfter) {
  assertLoaded();
  return bindings.delay(schedule, attempt, random, previous, retryAfter);
}

export function frappe(options) {
  return backend(() => bindings.frappe(options));
}

export function rest(options) {
  return backend(() => bindings.rest(options));
}
