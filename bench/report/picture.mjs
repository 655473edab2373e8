// The results as a picture for a README: how many times as fast as the hand-written merge, on a logarithmic scale, so that twice
// as fast and half as fast look alike. Two engines side by side.
import { figure, handWritten } from "./ratios.mjs";

const width = 800;
const names = 176;
const gap = 14;
const barHeight = 12;
const groupHead = 26;
const top = 74;
const shown = [
  ["Restamp, base and mine held", "Restamp", "#0b6e4f"],
  ["Restamp, base and mine held, result as a view", "Restamp, as a view", "#0b6e4f"],
  ["lock-step in JavaScript, on bytes", "lock-step JavaScript, bytes", "#5b8fb9"],
  ["lock-step in JavaScript, on strings", "lock-step JavaScript, strings", "#5b8fb9"],
  ["trimerge", "trimerge", "#b0793a"],
  ["jsondiffpatch", "jsondiffpatch", "#b0793a"],
  ["fast-json-patch", "fast-json-patch", "#b0793a"],
  ["node-diff3, a row a line", "node-diff3", "#b0793a"],
  ["Automerge, two forks", "Automerge", "#b0793a"],
  ["JSON.parse of the answer alone", "JSON.parse alone", "#8a8a8a"],
  ["copy in, compare, copy out", "copy + compare (the limit)", "#8a8a8a"],
];

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (x, y, content, extra = "") => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${extra}>${escape(content)}</text>`;

export function picture(outcomes) {
  const drawn = casesOf(outcomes);
  const ratios = outcomes.flatMap((outcome) => drawn.flatMap((title) => shown.map(([name]) => ratio(outcome, title, name)?.times)));
  const known = ratios.filter((times) => times !== undefined);
  const from = Math.floor(Math.log10(Math.min(1, ...known)));
  const to = Math.ceil(Math.log10(Math.max(10, ...known)));
  const panel = (width - names - gap * outcomes.length) / Math.max(1, outcomes.length);
  const bars = shown.filter(([name]) => outcomes.some(({ cases }) => cases.some(({ results }) => results[name] !== undefined)));
  const groupHeight = groupHead + bars.length * barHeight;
  const height = top + drawn.length * groupHeight + 44;
  const x = (nth, times) => names + nth * (panel + gap) + ((Math.log10(times) - from) / (to - from)) * (panel - 30);

  const parts = [
    text(16, 26, "Merging an invoice: how many times as fast as a merge written by hand in JavaScript", 'class="title"'),
    text(16, 44, "parse, merge by row id, stringify = 1 · logarithmic · paler: gives a wrong document · grey: does not merge", 'class="soft"'),
  ];
  outcomes.forEach((outcome, nth) => {
    parts.push(text(x(nth, 10 ** from), 64, outcome.engine.replace(/^(\w+ \d+).*/, "$1"), 'class="head"'));
    for (let power = from; power <= to; power++) {
      const at = x(nth, 10 ** power);
      parts.push(`<line x1="${at.toFixed(1)}" y1="${top}" x2="${at.toFixed(1)}" y2="${height - 40}" class="${power === 0 ? "one" : "grid"}"/>`);
      parts.push(text(at, height - 26, figure(10 ** power), 'class="soft" text-anchor="middle"'));
    }
  });
  drawn.forEach((title, group) => {
    const y = top + group * groupHeight;
    parts.push(text(16, y + 17, title, 'class="head"'));
    bars.forEach(([name, label, colour], bar) => {
      const line = y + groupHead + bar * barHeight;
      parts.push(text(names - 8, line + 9, label, 'text-anchor="end"'));
      outcomes.forEach((outcome, nth) => parts.push(barOf(ratio(outcome, title, name), colour, line, (times) => x(nth, times))));
    });
  });
  parts.push(text(16, height - 8, footer(outcomes), 'class="soft"'));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>Merge speed by contestant and case, relative to a hand-written merge in JavaScript</title>
<style>text{font:10.5px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.head{font-size:12px;font-weight:600}.soft{fill:#666}.grid{stroke:#e4e4e4}.one{stroke:#777}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
${parts.filter((part) => part !== "").join("\n")}
</svg>
`;
}

/** The plain cases from 100 rows, and what Frappe does to a thousand. */
function casesOf(outcomes) {
  const cases = outcomes.flatMap((outcome) => outcome.cases);
  const wanted = cases.filter(({ rows, variant }) => (rows >= 100 && variant === null) || (rows === 1000 && variant === "stamped"));
  return [...new Set(wanted.map(({ title }) => title))];
}

function ratio(outcome, title, name) {
  const results = outcome.cases.find((one) => one.title === title)?.results;
  const result = results?.[name];
  const hand = results?.[handWritten]?.ms;
  if (result?.ms === undefined || hand === undefined) return undefined;
  return { times: hand / result.ms, isWrong: result.wrong !== undefined };
}

function barOf(found, colour, y, x) {
  if (found === undefined) return "";
  const [from, to] = [x(1), x(found.times)].sort((a, b) => a - b);
  const bar = `<rect x="${from.toFixed(1)}" y="${y}" width="${Math.max(1, to - from).toFixed(1)}" height="${barHeight - 2}" fill="${colour}"${found.isWrong ? ' opacity="0.35"' : ""}/>`;
  return bar + text(found.times >= 1 ? to + 3 : x(1) + 3, y + 9, `${figure(found.times)}${found.isWrong ? " wrong" : ""}`);
}

function footer(outcomes) {
  return outcomes.slice(0, 1).map(({ date, machine, commit }) => `${date.slice(0, 10)} · ${machine.split(",")[0]} · commit ${commit}`).join("");
}
