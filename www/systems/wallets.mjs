// System 5: transfers between wallets. Balances, their sum, and the conflict rate over time.
import { hundredths, sum, text } from "./amount.mjs";
import { chart, conflictRate } from "./chart.mjs";
import { svg, words } from "./dom.mjs";
import { Feed } from "./feed.mjs";
import { openPage } from "./frame.mjs";
import { think, wait } from "./time.mjs";

const COLLECTION = "wallets";
const WALLETS = 8;
const START = "100.00";
const TRANSFERS = 6;
/** How often a cashier asks for one transfer. */
const ASKED_MAX = 5;
const [WIDTH, HEIGHT] = [720, 360];
const ZERO = 150;

openPage({
  title: "5 Wallets: the sum never changes",
  lead: `${WALLETS} wallets with ${START} each; every till makes ${TRANSFERS} transfers at random.`,
  original: [
    "Both ways side by side. Optimistic: a version column, and a ConcurrencyError (409) when it moved, tried again by the caller: three tries, 0.1 · 2ⁿ s apart; then the cashier has the error.",
    "“Read, then write” is what both were made against: two requests, one per wallet, without looking at versions. Updates are lost, and money appears or vanishes.",
  ],
  ours: [
    "till.transfer(from, to, amount): both wallets in one commit, the plan made again on fresh ones after a conflict, sent again with its token after a lost answer. Strategy \"pessimistic\" takes leases on both first, always in one order. Half of the tills may do this, half that.",
  ],
  view: [WIDTH, HEIGHT],
  tills: 8,
  modes: [["ours", "Restamp"], ["original", "as the original did"], ["naive", "read, then write"]],
  options: [{ id: "strategy", label: "Strategy", values: [["both", "half optimistic, half pessimistic"], ["optimistic", "optimistic"], ["pessimistic", "pessimistic"], ["adaptive", "adaptive"]] }],
  counts: [["moved", "transfers"], ["refused", "refused: too little"], ["conflicts", "conflicts"], ["again", "asked again"], ["errors", "gave up"], ["requests", "requests"]],
  async prepare(run) {
    run.moves = [];
    run.feed = new Feed(COLLECTION, run.id);
    await run.feed.opened;
    run.wallets = Array.from({ length: WALLETS }, (_, index) => `${run.id}-${index + 1}`);
    for (const id of run.wallets) await run.server.create(COLLECTION, { id, run: run.id, balance: START });
  },
  async work(run, station) {
    station.strategy = strategyOf(run, station);
    const transfer = await ways[run.mode](run, station);
    for (let count = 0; count < TRANSFERS && !run.stopped; count += 1) {
      await think(100);
      const move = anyMove(run);
      const kind = await transfer(move);
      if (kind === "moved") run.moves.push(move);
      run.note(kind, station);
    }
  },
  facts,
  describe: (run) => `Balances ${walletsOf(run).map(({ balance }) => balance).join(", ")}`,
  draw,
});

function strategyOf({ mode, strategy }, { number }) {
  if (mode !== "ours") return "optimistic";
  if (strategy !== "both") return strategy;
  return number % 2 === 1 ? "optimistic" : "pessimistic";
}

function anyMove({ wallets }) {
  const from = Math.floor(Math.random() * wallets.length);
  const to = (from + 1 + Math.floor(Math.random() * (wallets.length - 1))) % wallets.length;
  return { from: wallets[from], to: wallets[to], amount: text(BigInt(Math.floor(100 + Math.random() * 4_000))) };
}

/** Each makes a transfer and says "moved", "refused" or "errors". */
const ways = {
  async ours(run, station) {
    const engine = await run.open(station, COLLECTION, { till: { strategy: station.strategy } });
    const kinds = { committed: "moved", refused: "refused", "gave-up": "errors" };
    return async ({ from, to, amount }) => {
      for (let asked = 1; ; asked += 1) {
        const outcome = await engine.transfer(from, to, amount);
        // Given up means that nothing was stored, so that a cashier may ask again.
        if (outcome.kind !== "gave-up" || outcome.inDoubt || asked === ASKED_MAX) return kinds[outcome.kind];
        run.note("again", station);
      }
    };
  },
  async original(run, { server }) {
    return async (move) => {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        if (attempt > 0) await wait(100 * 2 ** (attempt - 1));
        const kind = await versioned(server, move).catch(() => "errors");
        if (kind) return kind;
      }
      return "errors";
    };
  },
  async naive(run, { server }) {
    return (move) => unversioned(server, move).catch(() => "errors");
  },
};

/** One database transaction with a version column; nothing for a ConcurrencyError. */
async function versioned(server, { from, to, amount }) {
  const [source, target] = await Promise.all([server.get(COLLECTION, from), server.get(COLLECTION, to)]);
  if (hundredths(source.doc.balance) < hundredths(amount)) return "refused";
  const write = ({ doc: { version: _, ...doc }, stamp }, change) =>
    ({ id: doc.id, stamp, doc: { ...doc, balance: text(hundredths(doc.balance) + change) } });
  const writes = [write(source, -hundredths(amount)), write(target, hundredths(amount))];
  const { status } = await server.post(`${COLLECTION}/_commit`, { writes }, { "Idempotency-Key": crypto.randomUUID() });
  if (status === 200) return "moved";
  return status === 412 ? null : "errors";
}

async function unversioned(server, { from, to, amount }) {
  const [source, target] = await Promise.all([server.get(COLLECTION, from), server.get(COLLECTION, to)]);
  if (hundredths(source.doc.balance) < hundredths(amount)) return "refused";
  await overwrite(server, source.doc, text(hundredths(source.doc.balance) - hundredths(amount)));
  await overwrite(server, target.doc, text(hundredths(target.doc.balance) + hundredths(amount)));
  return "moved";
}

/** UPDATE wallet SET balance = …, whatever was there. */
async function overwrite(server, doc, balance) {
  for (;;) {
    const { stamp } = await server.get(COLLECTION, doc.id);
    const { status } = await server.put(COLLECTION, doc.id, { ...doc, balance }, stamp);
    if (status === 200) return;
    if (status !== 412) throw new Error(`status ${status}`);
  }
}

async function facts(run) {
  const wallets = await run.server.find(COLLECTION, { run: run.id });
  for (const wallet of wallets) run.feed.put(wallet);
  const balances = new Map(wallets.map(({ id, balance }) => [id, hundredths(balance)]));
  const expected = new Map(run.wallets.map((id) => [id, hundredths(START)]));
  for (const { from, to, amount } of run.moves) {
    expected.set(from, expected.get(from) - hundredths(amount));
    expected.set(to, expected.get(to) + hundredths(amount));
  }
  const total = [...balances.values()].reduce((a, b) => a + b, 0n);
  const lowest = [...balances.values()].reduce((a, b) => (a < b ? a : b));
  const off = [...expected].filter(([id, balance]) => balances.get(id) !== balance).length;
  return [
    { id: "moved", label: "transfers acknowledged", value: run.moves.length },
    { id: "sum", label: `sum, of ${text(hundredths(START) * BigInt(WALLETS))}`, value: text(total), wrong: total !== hundredths(START) * BigInt(WALLETS) },
    { id: "lowest", label: "lowest balance", value: text(lowest), wrong: lowest < 0n },
    { id: "off", label: "wallets unlike the acknowledged transfers", value: off, wrong: off > 0 },
    { id: "errors", label: "gave up", value: run.count("errors"), wrong: run.count("errors") > 0 },
  ];
}

function walletsOf(run) {
  return run.feed?.sorted("id") ?? [];
}

function draw(run) {
  const wallets = walletsOf(run);
  const bars = wallets.map(({ balance }, index) => {
    const height = Number(hundredths(balance)) / 100 * 0.4;
    const x = 40 + index * 84;
    return svg("g", {}, svg("rect", { class: height < 0 ? "bad" : "layer", x, y: height < 0 ? ZERO : ZERO - Math.min(115, height), width: 60, height: Math.min(115, Math.abs(height)), rx: 5 }),
      words(x + 30, ZERO + 18, balance, { "text-anchor": "middle" }));
  });
  const total = sum(wallets.map(({ balance }) => balance));
  const wanted = hundredths(START) * BigInt(WALLETS);
  const of = (strategy) => conflictRate(run, "moved", (event) => event.strategy === strategy);
  const used = [...new Set(run.stations.map(({ strategy }) => strategy))].filter(Boolean);
  const classes = { optimistic: "line-both", pessimistic: "line-good", adaptive: "line-warn" };
  return [
    words(20, 24, `sum ${text(total)}`, { class: total === wanted ? "strong is-good" : "strong is-bad", id: "sum" }),
    svg("path", { class: "axis", d: `M30,${ZERO}H${WIDTH - 20}` }), ...bars,
    chart({ x: 50, y: 224, width: 650, height: 100, unit: "conflicts, of 100 tries",
      lines: used.map((strategy) => ({ label: strategy, className: classes[strategy], points: of(strategy) })) }),
  ];
}
