// A short use of the whole package, run unchanged in Node, on a plain page and in a Vite build.

/** A server of one document that another till changes between our load and our save. */
function server() {
  let doc = { customer: "Walk-in", note: "" };
  let stamp = 1;
  const change = (next) => {
    doc = next;
    stamp += 1;
  };
  const guarantees = {
    compareAndSet: "atomic", token: "none", transactions: false, leases: false, sequences: false, changes: false, apply: false,
  };
  const backend = {
    guarantees,
    async load() {
      return { kind: "loaded", stamp: String(stamp), doc: { ...doc } };
    },
    async save(request) {
      if (request.stamp !== String(stamp)) return { kind: "stale" };
      change({ ...request.doc });
      return { kind: "saved", stamp: String(stamp) };
    },
  };
  return { backend, elsewhere: (edit) => change({ ...doc, ...edit }) };
}

export async function smoke(restamp) {
  const code = (run) => {
    try {
      run();
      return "no error";
    } catch (error) {
      return error instanceof restamp.RestampError ? error.code : `not a RestampError: ${error}`;
    }
  };
  const tooEarly = [
    code(() => restamp.merge({}, {}, {}, restamp.profiles.plain)),
    code(() => restamp.classify("rest", "load", { status: 200 })),
    code(() => restamp.delay(restamp.schedules.odoo, 2, 0)),
    code(() => restamp.frappe({ doctype: "POS Invoice" }).guarantees),
    code(() => restamp.rest({ path: "/drafts" }).guarantees),
  ];

  const { backend, elsewhere } = server();
  const till = await restamp.openTill({ backend, profile: restamp.profiles.plain, till: "T1", user: "anna", store: "memory" });
  const draft = await till.open("D1");
  draft.set("customer", "Somchai");
  elsewhere({ note: "no ice" });
  const outcome = await draft.save();
  await till.close();

  return {
    tooEarly,
    outcome: outcome.kind,
    doc: outcome.doc,
    merged: restamp.merge({ a: "1", b: "1" }, { a: "2", b: "1" }, { a: "1", b: "3" }, restamp.profiles.plain).doc,
    waits: [2, 3, 4].map((attempt) => restamp.delay(restamp.schedules.odoo, attempt, 0)),
    guarantees: [restamp.frappe({ doctype: "POS Invoice" }), restamp.rest({ path: "/drafts" })].map((made) => typeof made.guarantees),
    misuse: code(() => restamp.classify("no such adapter", "load", { status: 200 })) !== "no error",
  };
}

export const expected = {
  tooEarly: Array(5).fill("not-initialised"),
  outcome: "committed",
  doc: { customer: "Somchai", note: "no ice" },
  merged: { a: "2", b: "3" },
  waits: [100, 200, 400],
  guarantees: ["object", "object"],
  misuse: true,
};
