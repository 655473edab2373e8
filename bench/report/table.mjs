// The results as Markdown.
import { explanations } from "../invoices/cases.mjs";
import { figure, handWritten, measures, ratiosOf } from "./ratios.mjs";

const row = (cells) => `| ${cells.join(" | ")} |`;
const table = (head, rows) => [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

/** `outcomes`: one an engine. */
export function report(outcomes) {
  const explained = Object.entries(explanations).map(([name, says]) => `*${name}*: ${says}`).join("; ");
  return [
    "# Three-way merge of an invoice: results",
    "Written by `node bench/run.mjs`; how to read it: [bench/README.md](../README.md). Medians of interleaved rounds; read the ratios, not the times. "
      + "A bold ratio reaches the measure in brackets. A contestant marked ✗ gave a wrong document (what it lost is named below) and counts as no peer. "
      + `Variants: ${explained}.`,
    ...outcomes.map(engine),
    "",
  ].join("\n\n");
}

function engine(outcome) {
  const { clock, date, machine, commit, wasm, peers, memory, draft, cases, contestants } = outcome;
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`).join(", ");
  const parts = [
    `## ${outcome.engine}${outcome.quick ? " (quick run: rough figures)" : ""}`,
    `${date} UTC · ${machine} · commit ${commit} · restamp_bg.wasm ${wasm.sha256}, ${figure(wasm.gzip / 1024)} KB gzip · measured: ${clock} · ${versions}`,
    "### Restamp against the others",
    "Restamp here is `prepareMerge(…).mergeView(theirs)`: the result is read where it lies in the module's memory, as a request body is. "
      + "In the cold cases, base and mine are read by `prepareMerge` within the time measured.",
    against(cases),
    "### All, as a multiple of the hand-written merge's speed",
    matrix(cases.filter(({ variant }) => variant === null), contestants),
    ...variantsOf(cases, contestants),
    "### What the contestants do, and what the wrong ones lost",
    contestants.map((contestant) => note(contestant, cases)).join("\n"),
    "### One edit, memory",
    `One \`increment\` on a row of a draft of ${draft.rows.toLocaleString("en")} rows, snapshot not asked for: **${figure(draft.editMicroseconds)} µs** (to reach: under 5). `
      + `\`draft.doc\` after one edit: **${figure(draft.snapshotMs)} ms**, with ${draft.rowsRebuilt.toLocaleString("en")} row objects made anew (to reach: 1).`,
  ];
  if (memory) {
    parts.push(
      `Memory of the module after merging ${memory.rows.toLocaleString("en")} rows by ${memory.way}: ${figure(memory.peak / 2 ** 20)} MB, `
        + `**${figure(memory.ratio)} times** the bytes of base, mine (as a document) and theirs (to reach: at most 3); ${figure(memory.empty / 2 ** 20)} MB of it before the first merge.`,
    );
  }
  return parts.join("\n\n");
}

function against(cases) {
  const most = (value, measure) => judged(value, measure, value <= measure, "≤");
  const least = (value, measure) => judged(value, measure, value >= measure, "≥");
  return table(
    ["case", "edits of mine", "Restamp, ms", "hand-written, ms", "× hand-written", "the same, result copied out", "× best right npm peer", "× fastest npm peer, right or wrong", "copied out, times copy + compare"],
    cases.map((one) => {
      const ratios = ratiosOf(one);
      const reach = measures(one);
      const named = (value, peer) => (peer ? `${value} ${peer.name}${peer.wrong ? " ✗" : ""}` : "–");
      return [
        one.title, one.edits, ratios.problem ?? figure(ratios.ours), figure(ratios.hand), least(ratios.overHand, reach.hand), figure(ratios.copiedOverHand),
        named(least(ratios.overPeer, reach.peer), ratios.peer), named(figure(ratios.overAnyPeer), ratios.anyPeer), most(ratios.aboveFloor, reach.floor),
      ];
    }),
  );
}

function judged(value, measure, isReached, sign) {
  if (measure === undefined || value === undefined) return figure(value);
  return `${isReached ? `**${figure(value)}**` : figure(value)} (${sign} ${measure})`;
}

function matrix(cases, contestants) {
  const cell = ({ results }, name) => {
    const result = results[name];
    if (result === undefined) return "";
    if (result.ms === undefined) return result.problem.startsWith("fails") ? "✗ fails" : result.problem;
    const hand = results[handWritten].ms;
    const ratio = figure(hand / result.ms);
    if (name === handWritten) return `1 (${figure(result.ms)} ms)`;
    return result.wrong ? `✗ ${ratio}` : ratio;
  };
  return table(
    ["", ...cases.map(({ title }) => title)],
    contestants.map(({ name, kind }) => [
      kind === "does not merge" ? `${name} (does not merge)` : name, ...cases.map((one) => cell(one, name)),
    ]),
  );
}

function variantsOf(cases, contestants) {
  const variants = cases.filter(({ variant }) => variant !== null);
  return variants.length === 0 ? [] : [matrix(variants, contestants)];
}

function note({ name, note: says, kind }, cases) {
  const losses = cases.filter(({ results }) => results[name]?.wrong);
  const failures = cases.filter(({ results }) => results[name]?.problem);
  const worst = losses.find(({ rows, share, variant }) => rows === 1000 && share === 0.1 && variant === null) ?? losses.at(-1);
  const lost = worst ? ` **wrong** in ${losses.length} of ${cases.length} cases; ${worst.title}: ${worst.results[name].wrong}.` : "";
  const failed = failures.map(({ title, results }) => ` ${title}: ${results[name].problem}.`).join("");
  return `- ${name}${kind === "npm" ? " (npm)" : ""}: ${says}.${lost}${failed}`;
}
