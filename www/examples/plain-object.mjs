// A backend of your own is an object with load and save; this one keeps documents in a Map.
import { openTill } from "restamp";

const stored = new Map([["order-1", { stamp: 1, doc: { table: "7", guests: 2 } }]]);
const backend = {
  guarantees: {
    compareAndSet: "atomic", token: "none",
    transactions: false, leases: false, sequences: false, changes: false, apply: false,
  },
  async load(key) {
    const found = stored.get(key);
    return found ? { kind: "loaded", stamp: String(found.stamp), doc: found.doc } : { kind: "gone" };
  },
  async save({ key, doc, stamp }) {
    const now = stored.get(key);
    if (String(now.stamp) !== stamp) return { kind: "stale" };
    stored.set(key, { stamp: now.stamp + 1, doc });
    return { kind: "saved", stamp: String(now.stamp + 1), doc };
  },
};

const [one, two] = await Promise.all(["one", "two"].map((user) => openTill({ backend, till: user, user, store: "memory" })));
const [a, b] = await Promise.all([one.open("order-1"), two.open("order-1")]);
a.set("table", "9");
b.set("guests", 3);
await a.save();
const outcome = await b.save();
console.log(outcome.kind, "attempts", outcome.attempts, JSON.stringify(outcome.doc));
await Promise.all([one.close(), two.close()]);
