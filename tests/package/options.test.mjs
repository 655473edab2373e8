// Options as data: restamp.schema.json says what openTill() takes, and openTill() refuses what it does not say, by its name.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { schema } from "../../src/package/options.js";
import { MemoryServer } from "./memory-server.mjs";
import { root } from "./project.mjs";
import { packed } from "./reference.mjs";

const { delay, openTill, RestampError, schedules } = await packed();
const shipped = JSON.parse(readFileSync(join(root, "pkg/restamp.schema.json"), "utf8"));
const good = () => ({ backend: new MemoryServer().backend, till: "T", user: "u", store: "memory" });

async function refused(options, name) {
  const told = await openTill({ ...good(), ...options }).then((till) => till.close().then(() => "taken"), (error) => error);
  assert.ok(told instanceof RestampError, `${JSON.stringify(options)} was ${told}`);
  assert.equal(told.code, "invalid-argument");
  assert.ok(told.message.startsWith(`restamp: ${name} `), `${told.message} names ${name}`);
  return told.message;
}

async function taken(options) {
  const till = await openTill({ ...good(), ...options });
  await till.close();
}

/** The schema without what is for readers only. */
function bare(rule) {
  if (Array.isArray(rule)) return rule.map(bare);
  if (typeof rule !== "object" || rule === null) return rule;
  const { description, title, $schema, ...rest } = rule;
  const kept = Object.entries(rest).filter(([name, value]) => name !== "default" || typeof value === "object");
  return Object.fromEntries(kept.map(([name, value]) => [name, name === "properties"
    ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, bare(part)])) : bare(value)]));
}

/** Every option with its rule, by its name. */
function* rules(rule, path = []) {
  if (path.length > 0) yield [path, rule];
  for (const one of [rule, ...(rule.anyOf ?? [])]) {
    for (const [key, part] of Object.entries(one.properties ?? {})) yield* rules(part, [...path, key]);
  }
}
const nest = (path, value) => path.reduceRight((inner, key) => ({ [key]: inner }), value);
/** The option alone, but for what must stand beside it. */
const given = (path, value) => {
  const options = nest(path, value);
  if (path[0] === "schedule" && path.length > 1) options.schedule = { kind: "fixed", base: 1, ...options.schedule };
  return options;
};

test("the schema in the package says what the code checks, with words for everything", () => {
  assert.deepEqual(bare(shipped), bare(schema));
  for (const [path, rule] of rules(shipped)) assert.ok(rule.description?.length > 15, `${path.join(".")} has a description`);
  const types = readFileSync(join(root, "pkg/restamp.d.ts"), "utf8").split("export interface TillOptions {")[1].split("\n}")[0];
  for (const name of Object.keys(shipped.properties)) assert.match(types, new RegExp(`^  ${name}\\??: `, "m"), `restamp.d.ts has ${name}`);
  const declared = [...types.matchAll(/^ {2}(\w+)\??: /gm)].map(([, name]) => name);
  const known = [...Object.keys(shipped.properties), "backend", "host", "key"];
  assert.deepEqual(declared.filter((name) => !known.includes(name)), [], "the schema has all options of restamp.d.ts");
});

test("every limit of the schema is enforced, and the message names the option", async () => {
  let limits = 0;
  for (const [path, rule] of rules(shipped)) {
    const name = ["options", ...path].join(".");
    const wrong = [null, Symbol("s"), () => {}, [], ...(rule.type === "boolean" ? ["yes"] : [true])];
    if (rule.type === "number" || rule.type === "integer") wrong.push("5", NaN);
    if (rule.type === "integer") wrong.push(1.5);
    if (rule.minimum !== undefined) wrong.push(rule.minimum - 0.001);
    if (rule.maximum !== undefined) wrong.push(rule.maximum + 1);
    if (rule.enum || rule.pattern || rule.minLength) wrong.push("", "no such thing!");
    if (rule.minLength) wrong.splice(-1);
    if (path[0] === "profile") continue; // refused by its own reader: bad-input.test.mjs
    for (const value of wrong) await refused(given(path, value), name);
    for (const limit of [rule.minimum, rule.maximum].filter((value) => value !== undefined)) {
      limits += 1;
      // These two must leave room between them; factors below 1 are for one kind.
      const beside = { leaseAbove: { optimisticBelow: 0 }, optimisticBelow: { leaseAbove: 1 }, factor: { kind: "proportional" } }[path.at(-1)];
      const value = path.at(-1) === "leaseAbove" && limit === 0 ? 0.01 : path.at(-1) === "optimisticBelow" && limit === 1 ? 0.99 : limit;
      const options = given(path, value);
      if (beside) options[path[0]] = { ...options[path[0]], ...beside };
      await taken(options);
    }
  }
  assert.ok(limits >= 20, `${limits} limits`);
  await refused({ adaptive: { leaseAbove: 0.05 } }, "options.adaptive.leaseAbove");
  await refused({ schedule: { kind: "fixed", base: 1, factor: 0.5 } }, "options.schedule.factor");
  await refused({ schedule: { kind: "fixed" } }, "options.schedule.base");
  await refused({ messages: { en: { "queued.busy": 5 } } }, "options.messages.en.queued.busy");
});

test("an unknown option is refused, with what was probably meant or what is known", async () => {
  assert.match(await refused({ stratgy: "optimistic" }, "options.stratgy"), /did you mean "strategy"\?/);
  assert.match(await refused({ lease: { TTL: 5 } }, "options.lease.TTL"), /did you mean "ttl"\?/);
  assert.match(await refused({ colour: "red" }, "options.colour"), /known are till, user, .*backend/);
});

test("all options at once, as JSON from a file", async () => {
  const text = JSON.stringify({
    strategy: "adaptive", adaptive: { measure: "all", leaseAbove: 0.3, optimisticBelow: 0.1, saves: 5 }, lease: { ttl: 1000, wait: 0 }, park: 0,
    schedule: schedules.odoo, language: "th", messages: { th: { "queued.busy": "รอ" } }, logDocuments: false, durability: "relaxed", changes: false,
  });
  await taken(JSON.parse(text));
  await taken({ adaptive: "fifthSystem", strategy: undefined });
});

/** The waits of a schedule until it ends. */
const waits = ({ attempts, ...schedule }) =>
  Array.from({ length: attempts - 1 }, (_, at) => [0, 0.5, 0.999].map((chance) => delay({ ...schedule, attempts }, at + 2, chance)));

test("schedules.frappeOnce and schedules.odoo wait as the systems they are named after, without chance", () => {
  assert.deepEqual(waits(schedules.frappeOnce), [[100, 100, 100]]);
  assert.deepEqual(waits(schedules.odoo), [[100, 100, 100], [200, 200, 200], [400, 400, 400]]);
});

for (const [name, waited] of [["frappeOnce", [100]], ["odoo", [100, 200, 400]]]) {
  test(`with schedules.${name} a busy server is tried after ${waited.join(", ")} ms, then the save is answered`, async (t) => {
    const server = new MemoryServer();
    server.put("A", { n: 1 });
    let now = 1_000;
    const sleep = (ms) => { now += ms; return new Promise((done) => setTimeout(done)); };
    const till = await openTill({ ...good(), backend: server.backend, schedule: schedules[name], host: { now: () => now, random: () => 0.5, sleep } });
    t.after(() => till.close());
    const draft = await till.open("A");
    const tried = [];
    server.before = (call) => { if (call.startsWith("save")) { tried.push(now); return { kind: "unavailable", applied: "no" }; } };
    draft.set("n", 2);
    const outcome = await draft.save();
    assert.equal(outcome.kind, "queued");
    assert.deepEqual(tried.slice(0, waited.length + 1).map((at, index, all) => at - (all[index - 1] ?? at)), [0, ...waited]);
  });
}
