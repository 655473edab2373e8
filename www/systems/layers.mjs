// System 3: stock layers, first in first out. Every till takes 100 of 300.
import { hundredths, sum, text } from "./amount.mjs";
import { svg, tillMark, words } from "./dom.mjs";
import { Feed } from "./feed.mjs";
import { openPage } from "./frame.mjs";
import { wait } from "./time.mjs";

const COLLECTION = "layers";
const EACH = "100";
/** Six layers of 50, each bought dearer than the one before. */
const costs = ["10.00", "10.50", "11.00", "11.20", "12.00", "12.50"];
const IN_LAYER = 50;
const [WIDTH, HEIGHT] = [720, 330];
const ZERO = 130;

openPage({
  title: "3 Stock layers: first in, first out",
  lead: "Every till takes 100 at once, and there are 300: three can have them, the others must be told.",
  original: [
    "Odoo before its locks: each sale reads the layers, sees that there is enough, and subtracts. Two sales read the same layer, both take it, and it ends below zero. (Each subtraction alone is atomic here, as one SQL UPDATE is.)",
    "The repair was SELECT … FOR UPDATE NOWAIT on all layers in one order, tried again after 0, 0.1, 0.2 and 0.4 s.",
  ],
  ours: [
    "till.allocate(layers, \"100\") plans on what it read and commits all layers at once, or none. If one has changed meanwhile, the plan is made again on the newest. The shortage is told, nothing is partial, and the last cent of the value stays accounted for.",
  ],
  view: [WIDTH, HEIGHT],
  tills: 5,
  modes: [["ours", "Restamp"], ["original", "as the original did"]],
  counts: [["sold", "sales"], ["short", "told the shortage"], ["conflicts", "conflicts"], ["gaveUp", "gave up"], ["requests", "requests"]],
  async prepare(run) {
    run.sales = [];
    run.feed = new Feed(COLLECTION, run.id);
    await run.feed.opened;
    run.layers = costs.map((_, index) => `${run.id}-${index + 1}`);
    for (const [index, cost] of costs.entries()) {
      const value = text(hundredths(cost) * BigInt(IN_LAYER));
      await run.server.create(COLLECTION, { id: run.layers[index], run: run.id, quantity: String(IN_LAYER), value, created: `2026-01-0${index + 1}` });
    }
    run.value = costs.reduce((total, cost) => total + hundredths(cost) * BigInt(IN_LAYER), 0n);
  },
  work: (run, station) => (run.mode === "ours" ? ours(run, station) : original(run, station)),
  facts,
  describe: (run) => layersOf(run).map(({ quantity }, index) => `layer ${index + 1}: ${quantity}`).join(", "),
  draw,
});

async function ours(run, station) {
  const engine = await run.open(station, COLLECTION);
  await wait(800); // so that the full layers are seen
  const outcome = await engine.allocate(run.layers, EACH);
  if (outcome.kind === "committed") return sold(run, station, outcome.result);
  if (outcome.kind === "refused") return short(run, station, outcome.reason);
  station.told = outcome.message;
  run.note("gaveUp", station);
}

async function original(run, station) {
  await wait(800);
  try {
    const layers = (await station.server.find(COLLECTION, { run: run.id })).toSorted((a, b) => (a.created < b.created ? -1 : 1));
    const there = layers.reduce((total, { quantity }) => total + Number(quantity), 0);
    if (there < Number(EACH)) return short(run, station, `only ${there} there`);
    let wanted = Number(EACH);
    const taken = { quantity: EACH, layers: [], value: "0.00" };
    for (const layer of layers) {
      const quantity = Math.min(wanted, Number(layer.quantity));
      if (quantity <= 0) continue;
      wanted -= quantity;
      const value = text(hundredths(layer.value) * BigInt(quantity) / BigInt(layer.quantity));
      await subtract(station.server, layer.id, quantity, value);
      taken.layers.push({ key: layer.id, quantity: String(quantity), value });
      taken.value = text(sum([taken.value, value]));
    }
    sold(run, station, taken);
  } catch {
    station.told = "error"; // and what was already subtracted stays so
    run.note("gaveUp", station);
  }
}

/** UPDATE layer SET quantity = quantity - … */
async function subtract(server, id, quantity, value) {
  for (;;) {
    const { doc, stamp } = await server.get(COLLECTION, id);
    const less = { ...doc, quantity: String(Number(doc.quantity) - quantity), value: text(hundredths(doc.value) - hundredths(value)) };
    const { status } = await server.put(COLLECTION, id, less, stamp);
    if (status === 200) return;
    if (status !== 412) throw new Error(`status ${status}`);
  }
}

function sold(run, station, allocation) {
  station.sale = allocation;
  run.sales.push(allocation);
  run.note("sold", station);
}

function short(run, station, reason) {
  station.told = reason;
  run.note("short", station);
}

async function facts(run) {
  const layers = await run.server.find(COLLECTION, { run: run.id });
  for (const layer of layers) run.feed.put(layer);
  const lowest = layers.map(({ quantity }) => hundredths(quantity)).reduce((a, b) => (a < b ? a : b));
  const quantity = sum(layers.map((layer) => layer.quantity)) + sum(run.sales.map((sale) => sale.quantity));
  const value = sum(layers.map((layer) => layer.value)) + sum(run.sales.map((sale) => sale.value));
  const full = hundredths(IN_LAYER * costs.length);
  return [
    { id: "sold", label: "sales of 100", value: run.sales.length, wrong: run.sales.length > 3 },
    { id: "short", label: "told the shortage", value: run.count("short") },
    { id: "lowest", label: "lowest layer", value: text(lowest), wrong: lowest < 0n },
    { id: "quantity", label: "left + sold", value: text(quantity), wrong: quantity !== full },
    { id: "value", label: `value left + sold, of ${text(run.value)}`, value: text(value), wrong: value !== run.value },
    { id: "gave-up", label: "gave up", value: run.count("gaveUp"), wrong: run.count("gaveUp") > 0 },
  ];
}

function layersOf(run) {
  return run.feed?.sorted("created") ?? [];
}

function draw(run) {
  const layers = layersOf(run).map((layer, index) => {
    const x = 50 + index * 110;
    const height = Number(layer.quantity) * 1.8;
    return svg("g", {},
      svg("rect", { class: "outline", x, y: ZERO - IN_LAYER * 1.8, width: 80, height: IN_LAYER * 1.8, rx: 6 }),
      svg("rect", { class: height < 0 ? "bad" : "layer", x, y: height < 0 ? ZERO : ZERO - height, width: 80, height: height < 0 ? Math.min(60, -height) : height, rx: 6 }),
      words(x + 40, ZERO - 45, layer.quantity, { class: "strong", "text-anchor": "middle" }),
      words(x + 40, 32, `at ${costs[index]}`, { class: "quiet", "text-anchor": "middle" }));
  });
  const tills = run.stations.map((station, index) => {
    const [x, y] = [40 + (index % 5) * 136, 220 + Math.floor(index / 5) * 30];
    const said = station.sale ? `100 for ${station.sale.value}` : station.told ? "short" : "…";
    return svg("g", {}, tillMark(station, x, y, { radius: 12, hint: `${station.name}: ${station.told ?? said}` }),
      words(x + 18, y + 4, said, { class: station.sale ? "is-good" : station.told ? "is-bad" : "quiet" }));
  });
  return [svg("path", { class: "axis", d: `M40,${ZERO}H${WIDTH - 20}` }), words(10, ZERO + 4, "0"), ...layers, ...tills];
}
