// System 4: customer numbers, gapless and unique, and one customer per phone number.
import { svg, words } from "./dom.mjs";
import { Feed } from "./feed.mjs";
import { openPage } from "./frame.mjs";

const NUMBERED = "numbered";
/** The server keeps `customers.phone` unique (--unique); it knows nothing of the other's. */
const [UNIQUE, ANY] = ["customers", "contacts"];
const FORMAT = "CUST####";
const EACH = 6;
const PHONES = 20;
const CALLS = 5;
const [WIDTH, HEIGHT] = [720, 312];

openPage({
  title: "4 Numbers: no gap, none twice",
  lead: `Every till creates ${EACH} numbered customers, then looks ${CALLS} callers up, of ${PHONES} phone numbers in all.`,
  original: [
    "MongoDB: one counter document, $inc with upsert, within a transaction that is not needed. No number twice; but if the answer is lost and the till asks again, a number is gone: a gap. Phone numbers are looked up first and written if not found: two at once make two customers.",
    "What it took the place of, “read, then write”: look for the highest number, add one. Two tills read the same.",
  ],
  ours: [
    "till.sequence(\"customer\", {format: \"CUST####\"}): one atomic statement, and a token, so that asking again after a lost answer gets the same number. till.findOrCreate(\"phone\", …): the server's unique field decides, and both tills get the one customer.",
  ],
  view: [WIDTH, HEIGHT],
  tills: 8,
  modes: [["ours", "Restamp"], ["original", "as the original did"], ["naive", "read, then write"]],
  counts: [["numbered", "numbers given"], ["found", "found"], ["created", "created"], ["errors", "errors"], ["requests", "requests"]],
  async prepare(run) {
    run.acknowledged = [];
    run.looked = [];
    run.book = run.mode === "ours" ? UNIQUE : ANY;
    run.feed = new Feed(NUMBERED, run.id);
    run.phones = new Feed(run.book, run.id);
    await Promise.all([run.feed.opened, run.phones.opened]);
  },
  async work(run, station) {
    const desk = await desks[run.mode](run, station);
    for (let count = 0; count < EACH && !run.stopped; count += 1) {
      await attempt(run, station, async () => {
        const number = await desk.create(count);
        run.acknowledged.push(number);
        run.note("numbered", station);
      });
    }
    for (let count = 0; count < CALLS && !run.stopped; count += 1) {
      const phone = phoneOf(run, Math.floor(Math.random() * PHONES));
      await attempt(run, station, async () => {
        const { doc, created } = await desk.look(phone);
        run.looked.push([phone, doc.id]);
        run.note(created ? "created" : "found", station);
      });
    }
  },
  facts: async (run) => {
    const facts = await factsOf(run);
    run.phones.close();
    return facts;
  },
  describe: (run) => `${run.feed?.docs.size ?? 0} numbers on the server, ${run.phones?.docs.size ?? 0} customers in the phone book`,
  draw,
});

async function attempt(run, station, work) {
  if (run.mode === "ours") return work();
  try {
    await work();
  } catch {
    run.note("errors", station);
  }
}

function phoneOf(run, number) {
  return `${run.id}-08${String(number).padStart(2, "0")}`;
}

function formatted(value) {
  return `CUST${String(value).padStart(4, "0")}`;
}

function customer(run, station, number) {
  return { run: run.id, number, till: station.number };
}

const desks = {
  async ours(run, station) {
    const [engine, book] = await Promise.all([run.open(station, NUMBERED), run.open(station, UNIQUE)]);
    return {
      async create() {
        const number = await engine.sequence(`customer-${run.id}`, { format: FORMAT });
        const draft = await engine.create(customer(run, station, number));
        await draft.save();
        await settled(draft);
        return number;
      },
      look: (phone) => book.findOrCreate("phone", phone, () => ({ run: run.id, phone, till: station.number })),
    };
  },
  async original(run, station) {
    return {
      async create() {
        const count = async () => station.server.post(`${NUMBERED}/_sequences/customer-${run.id}`, { count: 1 }, { "Idempotency-Key": crypto.randomUUID() });
        const answer = await again(async () => mustBe(await count(), 200));
        const number = formatted(answer.doc.first);
        mustBe(await station.server.create(NUMBERED, customer(run, station, number)), 201);
        return number;
      },
      look: (phone) => lookThenWrite(run, station, phone),
    };
  },
  async naive(run, station) {
    return {
      async create() {
        const all = await station.server.find(NUMBERED, { run: run.id });
        const highest = Math.max(0, ...all.map(({ number }) => Number(number.slice(4))));
        const number = formatted(highest + 1);
        mustBe(await station.server.create(NUMBERED, customer(run, station, number)), 201);
        return number;
      },
      look: (phone) => lookThenWrite(run, station, phone),
    };
  },
};

async function lookThenWrite(run, station, phone) {
  const [known] = await station.server.find(ANY, { phone });
  if (known) return { doc: known, created: false };
  const { doc } = mustBe(await station.server.create(ANY, { run: run.id, phone, till: station.number }), 201);
  return { doc, created: true };
}

function mustBe(answer, status) {
  if (answer.status !== status) throw new Error(`status ${answer.status}`);
  return answer;
}

/** Once more after an error, as a driver does. */
async function again(work) {
  return work().catch(work);
}

/** What is queued goes out by itself. */
function settled(draft) {
  return new Promise((resolve) => {
    const look = () => { if (draft.status === "clean") resolve(); };
    draft.subscribe(look);
    look();
  });
}

async function factsOf(run) {
  const docs = await run.server.find(NUMBERED, { run: run.id });
  const people = await run.server.find(run.book, { run: run.id });
  for (const doc of docs) run.feed.put(doc);
  for (const doc of people) run.phones.put(doc);
  const numbers = new Set(docs.map(({ number }) => number));
  const highest = Math.max(0, ...docs.map(({ number }) => Number(number.slice(4))));
  const callers = new Set(people.map(({ phone }) => phone));
  const missing = run.acknowledged.filter((number) => !numbers.has(number)).length;
  return [
    { id: "numbers", label: "numbered customers", value: docs.length },
    { id: "twice", label: "numbers twice", value: docs.length - numbers.size, wrong: docs.length > numbers.size },
    { id: "gaps", label: "gaps", value: highest - numbers.size, wrong: highest > numbers.size },
    { id: "missing", label: "acknowledged, not there", value: missing, wrong: missing > 0 },
    { id: "callers", label: "phone numbers", value: callers.size },
    { id: "people", label: "customers for them", value: people.length, wrong: people.length !== callers.size },
    { id: "errors", label: "errors", value: run.count("errors"), wrong: run.count("errors") > 0 },
  ];
}

function draw(run) {
  const byNumber = Map.groupBy(run.feed?.docs.values() ?? [], ({ number }) => Number(number.slice(4)));
  const highest = Math.max(0, ...byNumber.keys());
  const cells = Array.from({ length: highest }, (_, index) => numberCell(run, index + 1, byNumber.get(index + 1) ?? []));
  const byPhone = Map.groupBy(run.phones?.docs.values() ?? [], ({ phone }) => phone);
  const phones = Array.from({ length: PHONES }, (_, index) => phoneCell(run, index, byPhone.get(phoneOf(run, index)) ?? []));
  return [
    words(20, 92, `numbers on the server, up to ${formatted(highest)}; coloured by till, red: given twice, dashed: a gap`, { class: "quiet" }), ...cells,
    words(20, 20, "phone book: customers per phone number", { class: "quiet" }), ...phones,
  ];
}

function numberCell(run, number, holders) {
  const [x, y] = [20 + ((number - 1) % 20) * 34, 104 + Math.floor((number - 1) / 20) * 34];
  return cell(run, { x, y, label: String(number), hint: formatted(number), holders, isBad: holders.length > 1, isGap: holders.length === 0 });
}

function phoneCell(run, index, holders) {
  const [x, y] = [20 + (index % 20) * 34, 32];
  return cell(run, { x, y, label: holders.length > 0 ? String(holders.length) : "", hint: phoneOf(run, index), holders, isBad: holders.length > 1 });
}

function cell(run, { x, y, label, hint, holders, isBad, isGap }) {
  const hue = run.stations[(holders[0]?.till ?? 1) - 1].hue;
  const className = isBad ? "bad" : isGap ? "gap" : holders.length === 0 ? "outline" : null;
  return svg("g", { class: "bar", style: `--hue: ${hue}` }, svg("title", {}, `${hint}: ${holders.map(({ till }) => `till ${till}`).join(", ") || "nobody"}`),
    svg("rect", { class: className, x, y, width: 30, height: 28, rx: 5 }),
    words(x + 15, y + 18, label, { class: isGap ? "quiet" : null, "text-anchor": "middle" }));
}
