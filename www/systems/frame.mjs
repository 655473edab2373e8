// The page around a scene: what can be chosen, the picture, the counts, what was checked, and the
// story of the original. Start reading in one of the five scenes, lease.mjs for example.
import { button, el, setText, svg } from "./dom.mjs";
import { Run } from "./run.mjs";

const PICTURE_EVERY_MS = 100;
const pages = [
  ["lease", "1 Leases"], ["optimistic", "2 No locks"], ["layers", "3 Stock layers"], ["numbers", "4 Numbers"], ["wallets", "5 Wallets"],
];

/**
 * A scene has: title, lead, original and ours (paragraphs), view (size of the picture), tills (default), modes,
 * options (more choices), counts (names of live counts), prepare(run), work(run, station), describe(run),
 * draw(run) and facts(run).
 */
export function openPage(scene) {
  const frame = new Frame(scene);
  document.title = `Restamp: ${scene.title}`;
  document.body.replaceChildren(frame.head(), frame.main());
  // For the browser's console and for the page's tests.
  window.demo = frame;
  document.body.dataset.state = "idle";
  document.body.dataset.ready = "true";
}

class Frame {
  constructor(scene) {
    this.scene = scene;
    this.run = null;
    this.start = button({ id: "start", class: "primary", on: { click: () => this.begin() } }, "Start");
    this.stop = button({ id: "stop", disabled: true, on: { click: () => this.halt() } }, "Stop");
    this.tills = el("input", { id: "tills", type: "range", min: 2, max: 20, value: scene.tills, on: { input: () => this.showTills() } });
    this.tillCount = el("output", { for: "tills" });
    this.faults = el("input", { id: "faults", type: "checkbox", on: { change: () => this.setFaults() } });
    this.modes = scene.modes.map(([id, label], index) =>
      [el("input", { type: "radio", name: "mode", value: id, id: `mode-${id}`, checked: index === 0 }), label]);
    this.options = (scene.options ?? []).map((option) => ({ ...option, input: choice(option) }));
    this.picture = svg("svg", { class: "picture", role: "img", preserveAspectRatio: "xMinYMin", viewBox: `0 0 ${scene.view[0]} ${scene.view[1]}` });
    this.counts = el("dl", { class: "counted" });
    this.verdict = el("p", { id: "verdict", class: "verdict", role: "status" }, "Not started yet.");
    this.facts = el("dl", { class: "counted", id: "facts" });
    this.showTills();
  }

  head() {
    const links = pages.map(([page, label]) => {
      const here = location.pathname.endsWith(`/${page}.html`);
      return el("a", { href: `${page}.html`, class: "to-page", "aria-current": here ? "page" : null }, label);
    });
    return el("header", { class: "page-head" },
      el("div", { class: "page-title" }, el("h1", {}, this.scene.title), el("p", {}, this.scene.lead)),
      el("nav", { class: "pages", "aria-label": "The five systems" }, el("a", { href: "../systems.html", class: "to-page" }, "All five"), ...links));
  }

  main() {
    const { scene } = this;
    const options = this.options.map(({ label, input }) =>
      el("label", { class: "choice" }, ...(input.type === "checkbox" ? [input, ` ${label}`] : [`${label} `, input])));
    const tell = (title, paragraphs) => el("section", { class: "card story" }, el("h2", {}, title), ...paragraphs.map((text) => el("p", {}, text)));
    return el("main", { class: "scene" },
      el("section", { class: "card controls", "aria-label": "Choices" }, this.start, this.stop,
        el("label", { class: "choice" }, "Tills ", this.tills, this.tillCount),
        el("label", { class: "choice" }, this.faults, " Bad network and server"), ...options,
        el("fieldset", { class: "modes" }, el("legend", {}, "Done by"),
          ...this.modes.map(([input, label]) => el("label", { class: "choice" }, input, ` ${label}`)))),
      el("figure", { class: "card stage" }, el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Picture" }, this.picture), this.counts),
      el("section", { class: "card", "aria-label": "Result" }, this.verdict, this.facts),
      el("div", { class: "stories" }, tell("What the original did", scene.original), tell("What Restamp does", scene.ours)));
  }

  showTills() {
    setText(this.tillCount, ` ${this.tills.value}`);
  }

  setFaults() {
    if (this.run) this.run.faults = this.faults.checked;
  }

  choices() {
    const mode = this.modes.map(([input]) => input).find((input) => input.checked).value;
    const own = this.options.map(({ id, input }) => [id, input.type === "checkbox" ? input.checked : input.value]);
    return { mode, tills: Number(this.tills.value), faults: this.faults.checked, ...Object.fromEntries(own) };
  }

  /** A run from beginning to end; what it showed stays until the next. */
  async begin() {
    if (document.body.dataset.state === "running") return;
    this.show("running", "Running…", "");
    this.facts.replaceChildren();
    const run = new Run(this.choices());
    this.run = run;
    const drawing = setInterval(() => this.draw(run), PICTURE_EVERY_MS);
    try {
      await this.scene.prepare(run);
      run.begun = performance.now();
      await Promise.all(run.stations.map((station) => this.scene.work(run, station)));
      run.ended = run.now;
      this.judge(run, await this.scene.facts(run));
    } catch (error) {
      console.error(error);
      run.stopped = true;
      run.ended = run.now;
      this.show("failed", `It failed: ${error.message}`, "bad");
    } finally {
      clearInterval(drawing);
      this.draw(run);
      await run.close();
    }
  }

  halt() {
    this.run.stopped = true;
    this.stop.disabled = true;
  }

  draw(run) {
    this.picture.replaceChildren(...this.scene.draw(run));
    this.picture.setAttribute("aria-label", this.scene.describe(run));
    this.counts.replaceChildren(...this.scene.counts.map(([kind, label]) => fact({ label, value: run.count(kind) })));
  }

  judge(run, facts) {
    this.facts.replaceChildren(...facts.map(fact));
    const wrong = facts.filter((one) => one.wrong);
    const words = wrong.length === 0 ? "Nothing lost, nothing twice: every check holds."
      : `Wrong: ${wrong.map(({ label, value }) => `${label} ${value}`).join(", ")}.`;
    this.show("done", words, wrong.length === 0 ? "good" : "bad");
  }

  show(state, words, className) {
    document.body.dataset.state = state;
    this.verdict.className = `verdict ${className}`;
    setText(this.verdict, words);
    this.start.disabled = state === "running";
    this.stop.disabled = state !== "running";
  }
}

function choice({ id, values, checked }) {
  if (!values) return el("input", { id, type: "checkbox", checked });
  return el("select", { id }, ...values.map(([value, label]) => el("option", { value }, label)));
}

function fact({ id, label, value, wrong }) {
  return el("div", { class: wrong ? "wrong" : null, "data-fact": id }, el("dt", {}, label), el("dd", {}, String(value)));
}
