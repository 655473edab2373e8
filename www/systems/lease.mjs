// System 1: a lease on the document. Who holds it, who waits, which fence, and when it runs out.
import { acknowledge, billFacts, COLLECTION, createBill, edited, editWithRestamp, rowMarks, THINK_MS } from "./bill.mjs";
import { svg, tillMark, words } from "./dom.mjs";
import { openPage } from "./frame.mjs";
import { think, wait } from "./time.mjs";

const EDITS = 4;
const TTL_MS = 1_000;
/** The grant whose till falls asleep, and for how long: longer than its lease lives. */
const [SLEEPER, SLEEP_MS] = [3, TTL_MS + 1_000];
const [WIDTH, HEIGHT] = [720, 410];
/** The strip of grants shows so much time. */
const STRIP_MS = 10_000;

openPage({
  title: "1 Leases: who has the bill",
  lead: "Tills add a row each to one bill. A lease lets one write at a time; its fence number rises with every grant.",
  original: [
    "ERPNext POS with Redis: a lock for 5 s (1 s here), one more try after 100 ms, then “being updated by another user”. A stale save reloads the bill and sets every field of the request on it, the table of rows too.",
    "So the last writer wins: rows of the others vanish although every till was told “saved”. And the lock has no fence: a till that sleeps longer than the lock lives writes over the next one.",
  ],
  ours: [
    "strategy: \"pessimistic\" asks for the lease, waits fairly in the server's queue, and merges by row. Whoever comes too late is refused by the fence and tries again with a new lease; the row is not lost, and nobody is asked.",
  ],
  view: [WIDTH, HEIGHT],
  tills: 5,
  modes: [["ours", "Restamp"], ["original", "as the original did"]],
  options: [{ id: "sleeper", label: "One till falls asleep with the lease", checked: true }],
  counts: [["saved", "saves"], ["grants", "grants"], ["fenced", "late saves refused"], ["errors", "error dialogs"], ["requests", "requests"]],
  async prepare(run) {
    Object.assign(run, { grants: [], waiting: [], watch: watcher(run) });
    await createBill(run);
    if (run.mode === "original") await run.server.create(COLLECTION, { id: lockOf(run), run: run.id });
  },
  work: (run, station) => (run.mode === "ours"
    ? editWithRestamp(run, station, EDITS, { strategy: "pessimistic", lease: { ttl: TTL_MS } })
    : original(run, station)),
  facts: billFacts,
  describe: (run) => `${held(run) ? `Held by ${held(run).station.name}, fence ${held(run).fence}` : "Nobody holds it"}; ${run.waiting.length} waiting`,
  draw,
});

function lockOf(run) {
  return `update_invoice_${run.bill}`;
}

async function original(run, station) {
  for (let edit = 1; edit <= EDITS && !run.stopped; edit += 1) {
    const line = `${station.number}.${edit}`;
    try {
      const opened = await station.server.get(COLLECTION, run.bill);
      await think(THINK_MS);
      const refusal = await originalSave(run, station, edited(opened.doc, line), opened.stamp);
      if (refusal) run.note("errors", station);
      else acknowledge(run, station, line);
    } catch {
      run.note("errors", station); // no answer, or none that can be read
    }
  }
}

async function originalSave(run, station, wanted, stamp) {
  const { server } = station;
  const fence = await lock(run, station) ?? await wait(100).then(() => lock(run, station));
  if (!fence) return "being updated by another user";
  try {
    let answer = await server.put(COLLECTION, run.bill, wanted, stamp);
    if (answer.status === 412) {
      const fresh = await server.get(COLLECTION, run.bill);
      answer = await server.put(COLLECTION, run.bill, { ...fresh.doc, ...wanted }, fresh.stamp);
    }
    return answer.status === 200 ? null : "modified after you have opened it";
  } finally {
    await server.release(COLLECTION, lockOf(run), fence);
  }
}

async function lock(run, station) {
  const answer = await station.server.post(`${COLLECTION}/${lockOf(run)}/_lease`, { holder: station.name, ttl: TTL_MS });
  return answer.status === 200 ? answer.doc.fence : null;
}

/** Reads leases off the network, as the till's requests and the server's answers tell them. */
function watcher(run) {
  const isLease = (request) => request.url.endsWith("/_lease");
  const leave = (station) => { run.waiting = run.waiting.filter((one) => one !== station); };
  return {
    asked(station, request) {
      if (!isLease(request)) return;
      const mine = run.grants.find((grant) => grant.station === station && isLive(grant, run.now));
      if (request.method === "POST" && !mine && !run.waiting.includes(station)) run.waiting.push(station);
    },
    answered(station, request, response, body) {
      if (response?.status === 409 && body?.code === "fenced") run.note("fenced", station);
      if (!isLease(request)) return;
      if (request.method === "DELETE") return end(run, station);
      if (response?.status !== 200 || !body) return run.mode === "original" && leave(station);
      leave(station);
      granted(run, station, body);
    },
  };
}

function granted(run, station, { fence, ttl }) {
  const known = run.grants.find((grant) => grant.fence === fence);
  if (known) return void (known.until = run.now + ttl);
  run.grants.push({ station, fence, from: run.now, until: run.now + ttl });
  run.note("grants", station);
  if (run.sleeper && run.grants.length === SLEEPER) {
    run.asleep = station;
    station.network.sleep(SLEEP_MS);
    setTimeout(() => { run.asleep = null; }, SLEEP_MS);
  }
}

function end(run, station) {
  const grant = run.grants.findLast((one) => one.station === station);
  if (grant) grant.ended ??= run.now;
}

function isLive(grant, now) {
  return grant.ended === undefined && grant.until > now;
}

function held(run) {
  return run.grants.findLast((grant) => isLive(grant, run.now));
}

function draw(run) {
  const now = run.ended ?? run.now;
  const grant = run.grants.findLast((one) => isLive(one, now));
  const left = grant ? (grant.until - now) / TTL_MS : 0;
  const queue = run.waiting.map((station, index) => tillMark(station, 300 + (index % 10) * 40, 60 + Math.floor(index / 10) * 40));
  return [
    svg("rect", { class: "box", x: 20, y: 20, width: 190, height: 110, rx: 12 }),
    words(36, 44, "The bill"),
    ...(grant ? [
      tillMark(grant.station, 52, 80, { radius: 18 }),
      words(82, 78, `fence ${grant.fence}`, { class: "strong" }),
      words(82, 96, run.asleep === grant.station ? "asleep" : "writes"),
      svg("rect", { class: "sunken", x: 36, y: 112, width: 158, height: 6, rx: 3 }),
      svg("rect", { class: left < 0.3 ? "bad" : "good", x: 36, y: 112, width: Math.max(0, 158 * left), height: 6, rx: 3 }),
    ] : [words(36, 84, "nobody holds it", { class: "quiet" })]),
    words(280, 34, run.waiting.length > 0 ? "waiting, in the order they came" : "nobody waits", { class: "quiet" }),
    ...queue,
    ...rowMarks(run, { x: 20, y: 166, columns: 25 }),
    words(20, HEIGHT - 128, "grants over time: till · fence; dashed: ran out", { class: "quiet" }),
    ...strip(run, now),
  ];
}

function strip(run, now) {
  const from = Math.max(0, now - STRIP_MS);
  const place = (at) => 20 + Math.max(0, at - from) * 680 / STRIP_MS;
  const shown = run.grants.filter((grant) => (grant.ended ?? grant.until) > from);
  return shown.map((grant) => {
    const end = Math.min(now, grant.ended ?? grant.until);
    const y = HEIGHT - 116 + (Number(grant.fence) % 4) * 28;
    const lapsed = grant.ended === undefined && grant.until <= now || grant.ended > grant.until;
    return svg("g", { class: "bar", style: `--hue: ${grant.station.hue}` },
      svg("title", {}, `${grant.station.name}, fence ${grant.fence}${lapsed ? ", ran out" : ""}`),
      svg("rect", { class: lapsed ? "lapsed" : null, x: place(grant.from), y, width: Math.max(4, place(Math.min(end, grant.until)) - place(grant.from)), height: 20, rx: 4 }),
      words(place(grant.from) + 4, y + 14, `${grant.station.number}·${grant.fence}`));
  });
}
