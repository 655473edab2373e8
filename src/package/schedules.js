// When to try again: durations in milliseconds, `attempts` counts the first try too.
import { freeze } from "./freeze.js";

export const schedules = freeze({
  /** As Frappe's own front-ends do: once more after 100 ms. */
  frappeOnce: { kind: "fixed", base: 100, attempts: 2 },
  /** As Odoo does on a serialisation failure: 100, 200, 400, then fail. */
  odoo: { kind: "exponential", base: 100, factor: 2, attempts: 4 },
  /** Somebody is waiting at the till. */
  interactive: { kind: "full-jitter", base: 300, cap: 30_000, attempts: 6, deadline: 20_000 },
  /**
   * Between conflicts with other tills, after the first: up to 0.4 times the time since the first save that was stale. What a till does
   * if it is given no schedule; measured in bench/results/contention.md.
   */
  contention: { kind: "proportional", base: 20, cap: 30_000, factor: 0.4 },
  /** Nobody is waiting: goes on for as long as it takes, at most every five minutes. */
  background: { kind: "full-jitter", base: 1_000, cap: 300_000 },
});
