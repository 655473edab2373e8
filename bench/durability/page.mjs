// The page's half of run.mjs.
import { openTill, profiles } from "/pkg/restamp.js";

const rows = (count) => Array.from({ length: count }, (_, n) => ({
  posa_row_id: `r${n}`, item_code: `ITEM-${n}`, item_name: `Coffee number ${n}`, qty: 1, uom: "Nos", rate: "45.50", amount: "45.50",
  warehouse: "Stores - C", discount_percentage: 0, discount_amount: 0, conversion_factor: 1,
}));
const backend = {
  guarantees: { compareAndSet: "atomic", token: "native", transactions: false, leases: false, sequences: false, changes: false, apply: false },
  load: async (key) => ({ kind: "loaded", stamp: "1", doc: { name: key, customer: "Walk-in", items: rows(key === "EDITS" ? 8 : 2) } }),
  save: async () => ({ kind: "unavailable", applied: "no" }),
};
const till = (more) => openTill({ backend, profile: profiles.salesInvoice, till: "T1", ...more });
const sorted = (times) => times.sort((a, b) => a - b);

window.bench = {
  async edits(store, durability, withKey, count) {
    const key = withKey ? await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]) : undefined;
    const opened = await till({ store, durability, key, user: `${store} ${durability} ${withKey}` });
    const draft = await opened.open("EDITS");
    const time = async (edits) => {
      const start = performance.now();
      for (let n = 0; n < edits; n += 1) draft.increment(`items[r${n % 8}].qty`, "1");
      await draft.durable();
      return performance.now() - start;
    };
    for (let n = 0; n < 20; n += 1) await time(1);
    const one = [];
    for (let n = 0; n < count; n += 1) one.push(await time(1));
    const twenty = [];
    for (let n = 0; n < count / 5; n += 1) twenty.push(await time(20));
    await opened.close();
    return { one: sorted(one), twenty: sorted(twenty) };
  },

  async fill(store, drafts) {
    const opened = await till({ store, user: `${store} ${drafts}` });
    let last;
    for (let n = 0; n < drafts; n += 1) {
      last = await opened.open(`SINV-${n}`);
      last.increment("items[r0].qty", "1");
      last.set("customer", `Somchai ${n}`);
    }
    await last.durable();
    await opened.close();
  },

  async recover(store, drafts) {
    const { init } = await import("/pkg/restamp.js");
    // The module's memory only grows, so what it has grown by is what the drafts need at most.
    const memories = [];
    const before = WebAssembly.instantiateStreaming;
    WebAssembly.instantiateStreaming = async (...args) => {
      const made = await before.apply(WebAssembly, args);
      memories.push(...Object.values(made.instance.exports).filter((value) => value instanceof WebAssembly.Memory));
      return made;
    };
    await init();
    const empty = memories[0]?.buffer.byteLength ?? 0;
    const start = performance.now();
    const opened = await till({ store, user: `${store} ${drafts}` });
    const ms = performance.now() - start;
    const found = await opened.open(`SINV-${drafts - 1}`);
    if (found.status !== "dirty") throw new Error(`the last draft is ${found.status}`);
    const bytes = (memories[0]?.buffer.byteLength ?? 0) - empty;
    await opened.close();
    return { ms, bytes };
  },
};
