// A program of an integrator: compiled, not run.
import { classify, delay, frappe, init, merge, openTill, profiles, rest, RestampError, schedules } from "restamp";
import type { Backend, Conflict, Doc, Draft, Op, Outcome, Profile, Store, Till, TillOptions, Verdict } from "restamp";
import * as inline from "restamp/inline";

const profile: Profile = { ...profiles.salesInvoice, otherwise: "mine" };

async function sell(): Promise<string> {
  await init(new URL("https://pos.example/restamp_bg.wasm"));
  const till: Till = await openTill({ backend: frappe({ doctype: "POS Invoice" }), profile, till: "T1", user: "anna" });
  const stop = till.on("notice", ({ key, message }) => console.log(key, message));
  till.on("outbox", ({ waiting, outcome }) => console.log(waiting, outcome && said(outcome)));
  const draft: Draft = await till.open("D1");
  draft.increment("items[r1].qty", "1");
  const row: string = draft.insert("items", { item_code: "TEA", qty: "1" });
  draft.move("items", row, null);
  await draft.durable();
  const outcome = await draft.save();
  if (outcome.kind === "terminal") await (await till.createFromLeftover(outcome)).save();
  for (const { key, status, reason } of await till.outbox.list()) if (status === "parked" && reason !== "signed-out") said(await till.outbox.retry(key));
  const brought: number = await till.outbox.import(await till.outbox.export());
  console.log(brought, (await till.outbox.flush()).map(said));
  for (const conflict of draft.conflicts) draft.resolve(conflict.path, "theirs");
  stop();
  return said(outcome);
}

async function move(till: Till): Promise<string> {
  const moved = await till.transfer("gift-1", "gift-2", "12.50", { field: "left", strategy: "pessimistic" });
  if (moved.kind === "refused") return `${moved.reason} ${moved.short}`;
  const counted = await till.transact(["a", "b"], (docs) => ({ docs: new Map(docs), result: docs.size }), { signal: AbortSignal.timeout(1000) });
  if (counted.kind === "committed") return String(counted.result + 1);
  const taken = await till.allocate(["l1"], "3");
  if (taken.kind === "committed") return taken.result.layers.map(({ key, quantity }) => key + quantity).join();
  const { doc, created } = await till.findOrCreate("phone", "081", async () => ({ name: await till.sequence("customer", { format: "CUST####", reserve: 10 }) }));
  return `${String(doc.name)} ${created}`;
}

function said(outcome: Outcome): string {
  switch (outcome.kind) {
    case "committed":
      return `${outcome.key} ${outcome.attempts}`;
    case "conflict":
      return outcome.conflicts.map((conflict: Conflict) => conflict.reason).join();
    case "queued":
      return outcome.reason;
    case "rejected":
      return outcome.code;
    case "terminal":
      return outcome.state;
  }
}

const edits: Op[] = [{ op: "increment", path: "items[r1].qty", by: "1" }];
const doc: Doc = merge({ a: "1" }, { ops: edits }, null, profiles.plain!).doc;
const verdict: Verdict = classify("rest", "update", { status: 412, headers: {}, body: "" });
const wait: number = delay(schedules.interactive!, 2, 0.5);
const options: TillOptions = { backend: rest({ path: "/drafts", stamp: { field: "version" } }), till: "T1", user: "anna", store: "memory" };
const same: typeof init = inline.init;

// @ts-expect-error a path is text
const wrongPath = (draft: Draft) => draft.set(1, "x");
// @ts-expect-error an amount is never a number
const wrongAmount = (draft: Draft) => draft.increment("items[r1].qty", 1);
// @ts-expect-error a till has a user
const wrongOptions: TillOptions = { backend: options.backend, till: "T1" };

export { doc, move, sell, verdict, wait, same, wrongPath, wrongAmount, wrongOptions };
export type Own = [Backend, Store, RestampError["code"]];
