// A Node server of your own that merges: edits come in, each token once, and the merged document goes out.
//   node merging-server.mjs      starts it, lets two tills save at once, prints what it holds, and ends
import { createServer } from "node:http";
import { init, merge, openTill, rest } from "restamp";

await init();
const profile = { system: ["id"], tables: { lines: { row: ["line"], counter: ["qty"] } } };
/** By id: all versions, the newest last (keep them in your database), and the answers by token. */
const orders = new Map([["T7", { versions: [{ id: "T7", table: "7", lines: [{ line: "a", item: "TEA", qty: "1" }] }], answers: new Map() }]]);

/** The stamp of a version is its ETag. */
const etag = (version) => `"${version}"`;

/** In one transaction of your database: nothing else may save the order between these lines. */
function apply(order, token, { ops, stamp }) {
  if (order.answers.has(token)) return { ...order.answers.get(token), replayed: true };
  const base = order.versions.find((_, at) => etag(at + 1) === stamp);
  const newest = { stamp: etag(order.versions.length), doc: order.versions.at(-1) };
  if (!base) return { status: 412, body: { code: "stale", ...newest } };
  const merged = merge(base, { ops }, newest.doc, profile);
  if (merged.kind !== "merged") {
    return { status: 409, body: { code: "conflict", conflicts: merged.conflicts, ...newest } };
  }
  order.versions.push(merged.doc);
  const { doc, incoming, reapplied } = merged;
  const answer = { status: 200, body: { stamp: etag(order.versions.length), doc, incoming, reapplied } };
  order.answers.set(token, answer);
  return answer;
}

const server = createServer(async (request, response) => {
  const [, , id, action] = new URL(request.url, "http://localhost").pathname.split("/");
  const order = orders.get(id);
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let status = 404;
  let body = { code: "not_found" };
  if (order && request.method === "GET") {
    [status, body] = [200, order.versions.at(-1)];
  } else if (order && action === "_apply") {
    const answer = apply(order, request.headers["idempotency-key"], JSON.parse(Buffer.concat(chunks)));
    [status, body] = [answer.status, { ...answer.body, replayed: answer.replayed ?? false }];
  }
  response.writeHead(status, { "content-type": "application/json", etag: etag(order?.versions.length) }).end(JSON.stringify(body));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const url = `http://127.0.0.1:${server.address().port}`;
const backend = () => rest({ url, path: "/orders", offers: ["apply"] });
const tills = await Promise.all(["bar", "terrace"].map((till) => openTill({ backend: backend(), profile, till, user: till, store: "memory" })));
const drafts = await Promise.all(tills.map((till) => till.open("T7")));
for (const draft of drafts) draft.increment("lines[a].qty", "1");
const outcomes = await Promise.all(drafts.map((draft) => draft.save()));

console.log(outcomes.map(({ kind, attempts }) => `${kind} in ${attempts}`).join(", "), "qty", orders.get("T7").versions.at(-1).lines[0].qty);
await Promise.all(tills.map((till) => till.close()));
server.close();
