// The options of openTill() that are data: what each may be. restamp.schema.json says the same with words and defaults, for editors
// and for configuration that is kept elsewhere; tests/package/options.test.mjs holds the two together.
import { RestampError } from "./error.js";

const ms = (minimum, maximum) => ({ type: "number", minimum, maximum });
const oneOf = (...values) => ({ type: "string", enum: values });
const object = (properties, required = []) => ({ type: "object", properties, required, additionalProperties: false });
const WAIT_MAX = 2_147_483_647;
const RATE = { type: "number", minimum: 0, maximum: 1 };

export const schema = object({
  till: { type: "string", minLength: 1 },
  user: { type: "string", minLength: 1 },
  store: oneOf("indexeddb", "opfs", "memory"),
  durability: oneOf("relaxed", "strict"),
  profile: { type: "object" },
  strategy: oneOf("optimistic", "pessimistic", "adaptive"),
  adaptive: {
    anyOf: [
      oneOf("fifthSystem"),
      object({
        measure: oneOf("again", "first", "all"),
        leaseAbove: RATE,
        optimisticBelow: RATE,
        saves: { type: "integer", minimum: 0, maximum: 10_000 },
      }),
    ],
  },
  lease: object({ ttl: ms(100, 60_000), wait: ms(0, 60_000) }),
  park: ms(0, 60_000),
  schedule: object(
    {
      kind: oneOf("fixed", "exponential", "full-jitter", "decorrelated", "proportional"),
      base: ms(0, WAIT_MAX),
      cap: ms(0, WAIT_MAX),
      factor: { type: "number", minimum: 0, maximum: 1_000 },
      attempts: { type: "number", minimum: 1 },
      deadline: { type: "number", minimum: 0 },
    },
    ["kind", "base"],
  ),
  changes: { type: "boolean" },
  language: { type: "string", pattern: "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$" },
  messages: { type: "object", additionalProperties: { type: "object", additionalProperties: { type: "string" } } },
  logDocuments: { type: "boolean" },
}, ["till", "user"]);

/** Options that are no data: others look at them. */
const notData = ["backend", "host", "key"];

/** Refuses options that are wrong or unknown, by their name. */
export function checkOptions(options) {
  // What is no object is refused where the till is opened.
  if (typeof options !== "object" || options === null) return;
  const data = Object.fromEntries(Object.entries(options).filter(([name]) => !notData.includes(name)));
  // A store of the page's own is an object with functions.
  if (typeof data.store === "object" && data.store !== null) delete data.store;
  // A profile has a reader of its own, which says more.
  delete data.profile;
  check(data, schema, "options", notData);
  const { adaptive, schedule } = options;
  if (schedule?.factor < 1 && schedule.kind !== "proportional") {
    refuse("options.schedule.factor", "a number from 1 (or 0, if proportional) to 1000");
  }
  if (typeof adaptive === "object" && (adaptive.leaseAbove ?? 0.2) <= (adaptive.optimisticBelow ?? 0.05)) {
    refuse("options.adaptive.leaseAbove", "more than options.adaptive.optimisticBelow");
  }
}

function check(value, rule, name, more = []) {
  if (rule.anyOf) {
    const fits = rule.anyOf.find(({ type }) => type === typeof value && value !== null && !Array.isArray(value));
    if (!fits) refuse(name, rule.anyOf.map(kindOf).join(" or "));
    return check(value, fits, name);
  }
  const fits = rule.type === "integer" ? Number.isInteger(value) : typeof value === rule.type && value !== null && !Array.isArray(value);
  const { minimum = -Infinity, maximum = Infinity } = rule;
  if (!fits || (typeof value === "number" && !(value >= minimum && value <= maximum)) || (rule.enum && !rule.enum.includes(value))
    || (rule.minLength && value.length < rule.minLength) || (rule.pattern && !new RegExp(rule.pattern).test(value))) refuse(name, kindOf(rule));
  if (rule.type !== "object") return;
  for (const [key, part] of Object.entries(value)) {
    if (part === undefined) continue;
    const known = rule.properties?.[key] ?? (typeof rule.additionalProperties === "object" && rule.additionalProperties);
    if (known) check(part, known, `${name}.${key}`);
    else if (rule.properties) unknown(`${name}.${key}`, key, [...Object.keys(rule.properties), ...more]);
  }
  for (const key of rule.required ?? []) {
    if (value[key] === undefined) refuse(`${name}.${key}`, kindOf(rule.properties[key]));
  }
}

function kindOf(rule) {
  if (rule.enum) return rule.enum.map((value) => JSON.stringify(value)).join(", ").replace(/, ([^,]*)$/, " or $1");
  if (rule.minLength) return "a text that is not empty";
  if (rule.pattern) return "a language tag (BCP 47), for example \"ar-SA\"";
  if (rule.type === "boolean") return "true or false";
  if (rule.type === "object") return "an object";
  if (rule.type === "string") return "a text";
  const range = rule.maximum === undefined ? `from ${rule.minimum}` : `from ${rule.minimum} to ${rule.maximum}`;
  return `${rule.type === "integer" ? "a whole number" : "a number"} ${range}`;
}

function refuse(name, expected) {
  throw new RestampError("invalid-argument", `restamp: ${name} must be ${expected}`);
}

function unknown(name, key, known) {
  const near = known.map((candidate) => [distance(key.toLowerCase(), candidate.toLowerCase()), candidate]).sort(([a], [b]) => a - b)[0];
  const hint = near[0] <= Math.max(2, key.length / 3) ? `did you mean "${near[1]}"?` : `known are ${known.join(", ")}`;
  throw new RestampError("invalid-argument", `restamp: ${name} is no option: ${hint}`);
}

/** How many letters have to be changed to make one word of the other. */
function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (one[i - 1] === other[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[other.length];
}
