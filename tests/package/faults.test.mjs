// Every fault of the reference backend, at every step of a save: the promise resolves, the till ends clean, and
// the server holds each edit exactly once, in one document.
import assert from "node:assert/strict";
import { test } from "node:test";
import { packed, startBackend } from "./reference.mjs";

const restamp = await packed();
const server = await startBackend();
const schedule = { kind: "full-jitter", base: 20, cap: 200, attempts: 6 };
const timeout = 2000;
const fault_ms_max = 25_000;

/** A request that its till has given up may still be carried out; longer than that, in all. */
const late_ms = 900;
const faults = [
  "lost-answer", "lost-request", "503=0", "429=0", "502-html", "504-applied", "truncate", "garbage", "html", "big",
  "session-expired", "deadlock", "delay=2600", "delay-after=2600",
];

const dialects = {
  frappe: {
    backend: () => restamp.frappe({ url: server.url, doctype: "Sales Invoice", token: "till-1:secret", timeout }),
    profile: restamp.profiles.salesInvoice,
    create: "POST /api/resource",
    save: "PUT /api/resource",
    submit: "PUT /api/resource",
    load: "GET /api/resource",
    documents: () => server.invoices(),
    seed: async (doc) => (await server.insert(doc)).name,
    closed: (doc) => doc.docstatus === 1,
  },
  rest: {
    backend: () => restamp.rest({ url: server.url, path: "/rest/invoices", timeout }),
    profile: {
      createTokenField: "token", system: ["id", "version"],
      lifecycle: { field: "state", submitted: ["paid"] },
      tables: { items: { row: ["posa_row_id"], counter: ["qty"] } },
    },
    create: "POST /rest/invoices",
    save: "PUT /rest/invoices",
    submit: "PUT /rest/invoices",
    load: "GET /rest/invoices",
    documents: () => server.entries(),
    seed: async (doc) => (await server.post(doc)).id,
    closed: (doc) => doc.state === "paid",
  },
};

const cart = () => ({ customer: "Walk-in", items: [{ item_code: "TEA", qty: 1, posa_row_id: "r1" }] });
const kinds = new Set(["committed", "conflict", "queued", "rejected", "terminal"]);
const soon = (what, promise) => {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: no answer within ${fault_ms_max} ms`)), fault_ms_max);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** A till on its own, closed after the test; `steps` are the events of its log. */
async function till(t, dialect, more = {}) {
  const opened = await restamp.openTill({ backend: dialect.backend(), profile: dialect.profile, till: "T1", user: "anna", store: "memory", schedule, ...more });
  t.after(() => opened.close());
  const steps = [];
  opened.on("log", ({ event }) => steps.push(event));
  return { opened, steps };
}

/** Waits until the draft is settled by itself; asks once more where it waits for a sign-in or for its next try. */
async function settled(draft, outcome) {
  assert.ok(kinds.has(outcome.kind), `an outcome: ${JSON.stringify(outcome)}`);
  assert.equal(typeof outcome.key, "string");
  if (outcome.kind === "committed") return outcome;
  assert.equal(outcome.kind, "queued", JSON.stringify(outcome));
  assert.ok(outcome.message.length > 10, "says something to the cashier");
  assert.ok(["dirty", "waiting", "parked"].includes(draft.status), draft.status);
  return soon("save again", draft.save());
}

/** The server's only document holds TEA `qty` times and one of each `extra`. */
function holds(documents, qty, extra) {
  assert.equal(documents.length, 1, `one document: ${JSON.stringify(documents)}`);
  const rows = documents[0].items.map((row) => [row.item_code, Number(row.qty)]);
  assert.deepEqual(rows, [["TEA", qty], ...extra.map((code) => [code, 1])]);
}

/** Waits for what is still on its way to the server. */
const arrived = (fault) => fault.startsWith("delay") && new Promise((later) => setTimeout(later, late_ms));

for (const [name, dialect] of Object.entries(dialects)) {
  for (const fault of faults) {
    if (name === "rest" && fault === "session-expired") continue; // the server's REST dialect knows no sessions
    test(`${name}: ${fault} on a create`, async (t) => {
      await server.reset();
      const { opened } = await till(t, dialect);
      const draft = await opened.create(cart());
      draft.increment("items[r1].qty", "1");
      await server.fail(fault, dialect.create);
      const outcome = await settled(draft, await soon("create", draft.save()));
      assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
      assert.equal(draft.status, "clean");
      await arrived(fault);
      holds(await dialect.documents(), 2, []);
    });

    test(`${name}: ${fault} on a save`, async (t) => {
      await server.reset();
      const key = await dialect.seed(cart());
      const { opened } = await till(t, dialect);
      const draft = await opened.open(key);
      draft.increment("items[r1].qty", "2");
      draft.insert("items", { item_code: "CAKE", qty: 1, posa_row_id: "r2" });
      await server.fail(fault, dialect.save);
      const outcome = await settled(draft, await soon("save", draft.save()));
      assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
      assert.equal(draft.status, "clean");
      assert.equal(outcome.doc, draft.doc);
      await arrived(fault);
      holds(await dialect.documents(), 3, ["CAKE"]);
    });

    test(`${name}: ${fault} on a submit`, async (t) => {
      await server.reset();
      const key = await dialect.seed(cart());
      const { opened } = await till(t, dialect);
      const draft = await opened.open(key);
      draft.increment("items[r1].qty", "1");
      await server.fail(fault, dialect.submit);
      const outcome = await settled(draft, await soon("submit", draft.submit()));
      assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
      assert.equal(draft.status, "closed");
      await arrived(fault);
      const documents = await dialect.documents();
      holds(documents, 2, []);
      assert.ok(dialect.closed(documents[0]), "submitted");
    });

    test(`${name}: ${fault} on the load after a stale save`, async (t) => {
      await server.reset();
      const key = await dialect.seed(cart());
      const [{ opened: mine }, { opened: theirs }] = [await till(t, dialect), await till(t, dialect, { till: "T2", user: "ben" })];
      const [draft, other] = [await mine.open(key), await theirs.open(key)];
      other.increment("items[r1].qty", "4");
      assert.equal((await other.save()).kind, "committed");
      draft.increment("items[r1].qty", "1");
      await server.fail(fault, dialect.load);
      const outcome = await settled(draft, await soon("save", draft.save()));
      assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
      assert.equal(draft.status, "clean");
      await arrived(fault);
      holds(await dialect.documents(), 6, []);
    });

    test(`${name}: ${fault} when a document is opened`, async (t) => {
      await server.reset();
      const key = await dialect.seed(cart());
      const { opened } = await till(t, dialect);
      await server.fail(fault, dialect.load);
      const draft = await soon("open", opened.open(key)).catch(async (error) => {
        // Nobody can be shown a document of which there is no copy: this is the one promise that rejects.
        assert.ok(error instanceof restamp.RestampError, String(error));
        assert.ok(fault === "session-expired" && error.code === "signed-out", `${error.code}: ${error.message}`);
        return opened.open(key);
      });
      assert.equal(draft.status, "clean");
      assert.equal(draft.get("items[r1].item_code"), "TEA");
      await arrived(fault);
    });
  }
}
