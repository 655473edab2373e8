// Start reading here: an example or pasted documents go in, the merge comes out beside them.
//
// `#S05` is an example's link; `?dir=rtl` mirrors the page.
import { init } from "restamp";
import { compare } from "./comparison.mjs";
import { button, el } from "./dom.mjs";
import { Editors } from "./editors.mjs";
import { findingsView, refusedView, verdictView } from "./findings-view.mjs";
import { editorOf, mistakeIn, run } from "./run.mjs";
import { showPath, tableView } from "./table-view.mjs";
import { tabs } from "./tabs.mjs";
import { say } from "./words.mjs";

const FIRST = "E1";
const OWN = "own";

start().catch((error) => {
  console.error(error);
  document.body.replaceChildren(el("p", { class: "failed", role: "alert" }, say("failed", { reason: error.message })));
});

async function start() {
  if (new URL(location.href).searchParams.get("dir") === "rtl") document.documentElement.dir = "rtl";
  const [examples, scenarios] = await Promise.all([fetchJson("examples.json"), fetchJson("scenarios.json"), init()]);
  const page = new Page([...examples, ...scenarios]);
  document.body.replaceChildren(...page.parts);
  addEventListener("hashchange", () => page.open(location.hash.slice(1)));
  await page.open(location.hash.slice(1));
  // A phone shows the result first; the documents are one tap away.
  if (matchMedia("(max-width: 899px)").matches) page.editors.root.open = false;
  document.body.dataset.ready = "true";
}

async function fetchJson(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
}

class Page {
  constructor(examples) {
    this.examples = new Map(examples.map((example) => [example.id, example]));
    this.editors = new Editors((isOwn) => this.changed(isOwn));
    this.picker = el("select", { id: "example", on: { change: () => this.pick(this.picker.value) } },
      ...examples.map(({ id, title }) => el("option", { value: id }, `${id} · ${title}`)),
      el("option", { value: OWN, word: "pick.own" }));
    this.why = el("p", { class: "example-why" });
    this.result = el("section", { class: "merge-result", label: "result", "aria-live": "polite" });
    this.parts = [this.head(), el("main", { class: "merge-page" }, this.bar(), this.editors.root, this.result)];
  }

  head() {
    return el("header", { class: "page-head" },
      el("div", { class: "page-title" }, el("h1", { word: "title" }), el("p", { word: "lead" })),
      el("a", { class: "to-page", href: "./", word: "to_demo" }));
  }

  bar() {
    return el("div", { class: "example-bar" },
      el("label", { class: "picker" }, el("span", { word: "pick" }), this.picker),
      button({ id: "previous", label: "previous", on: { click: () => this.step(-1) } }, "‹"),
      button({ id: "next", label: "next", on: { click: () => this.step(1) } }, "›"),
      this.why);
  }

  step(by) {
    const ids = [...this.examples.keys()];
    const at = ids.indexOf(this.picker.value);
    this.pick(ids[(Math.max(at, by < 0 ? 0 : at) + by + ids.length) % ids.length]);
  }

  pick(id) {
    if (id === OWN) this.changed(true);
    else location.hash = id;
  }

  /** Opens an example; an unknown one is the first. */
  async open(hash) {
    if (hash === "" && this.picker.value === OWN) return;
    const example = this.examples.get(hash.toUpperCase()) ?? this.examples.get(FIRST);
    this.example = example;
    this.picker.value = example.id;
    this.why.textContent = example.answer ? `${example.why} ${say("answer_note")}` : example.why;
    this.editors.fill(example);
    await this.merge();
  }

  /** Something was typed, or another profile picked. */
  changed(isOwn) {
    if (isOwn) {
      this.example = null;
      this.picker.value = OWN;
      this.why.textContent = "";
      history.replaceState(null, "", location.pathname + location.search);
    }
    return this.merge();
  }

  async merge() {
    const input = this.editors.read();
    this.turn = (this.turn ?? 0) + 1;
    const { turn } = this;
    if (input.broken) {
      this.show(refusedView(say("waiting", { editors: input.broken.join(", ") })));
      return;
    }
    try {
      const found = await run({ ...input, answer: this.example?.answer });
      if (turn === this.turn) this.show(...this.found(found, input.profile));
    } catch (error) {
      if (turn === this.turn) this.refused(error);
    }
  }

  found(found, profile) {
    const { result, conflicts, documents } = found;
    const sections = compare({ documents, profile, conflicts, isEnded: result.kind === "terminal" });
    const table = tableView(sections);
    const json = el("pre", { class: "raw", tabindex: "0" }, JSON.stringify(this.example?.answer ? { ...result, conflicts_after_the_refusal: conflicts } : result, null, 2));
    const view = tabs([["table", table], ["json", json]], this.tab, (name) => { this.tab = name; });
    const show = (path) => { view.select("table"); showPath(table, path); };
    return [verdictView(found), el("div", { class: "result-body" }, findingsView(found, show), view.root)];
  }

  refused(error) {
    if (error.name !== "RestampError") throw error;
    const { path, expected } = mistakeIn(error);
    const isProfile = error.code === "invalid-profile";
    const message = !isProfile ? error.message.replace(/^restamp: /, "")
      : path ? say("mistake.profile_at", { path, expected }) : say("mistake.profile_top", { expected });
    this.editors.complain(editorOf(error), message);
    this.show(refusedView(message));
  }

  show(...parts) {
    this.result.replaceChildren(...parts);
  }
}
