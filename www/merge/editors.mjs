// What goes in: base, mine, theirs, the profile and the two options. Each is checked as it is typed
// and says in words what is wrong with it.
import { button, el } from "./dom.mjs";
import { JsonMistake, parseJson } from "./json-text.mjs";
import { isOps, readyMade } from "./run.mjs";
import { say } from "./words.mjs";

const PAUSE_MS = 150;
const OWN = "own";

/** One text with its message. `check` throws what is wrong with the parsed value. */
class Editor {
  constructor(name, check, onInput) {
    this.check = check;
    this.name = name;
    this.area = el("textarea", {
      id: `text-${name}`, spellcheck: "false", autocomplete: "off", autocapitalize: "off", wrap: "off", rows: "12",
      "aria-describedby": `message-${name}`, on: { input: () => onInput(this) },
    });
    this.message = el("p", { id: `message-${name}`, class: "message", role: "status" });
    this.root = el("div", { class: "editor" },
      el("label", { for: `text-${name}` }, el("b", { word: `editor.${name}` }), " ", el("span", { class: "hint", word: `hint.${name}` })),
      this.area, this.message);
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
  }

  /** Whether the text can be merged; says what is wrong with it if not. */
  validate() {
    try {
      this.check(parseJson(this.text));
      this.complain(null);
      return true;
    } catch (mistake) {
      if (mistake instanceof JsonMistake) this.complain(say(mistake.key, mistake.values), mistake.at);
      else this.complain(mistake.message);
      return false;
    }
  }

  complain(message, at) {
    this.area.setAttribute("aria-invalid", String(message !== null));
    const there = at === undefined ? [] : [" ", button({ class: "go", word: "show_mistake", on: { click: () => this.select(at) } })];
    this.message.replaceChildren(...(message === null ? [] : [message, ...there]));
  }

  select(at) {
    const line = this.text.slice(0, at).split("\n").length;
    this.area.focus();
    this.area.setSelectionRange(at, Math.min(at + 1, this.text.length));
    this.area.scrollTop = (line - 4) * parseFloat(getComputedStyle(this.area).lineHeight);
  }
}

function isDocument(value) {
  if (!(value instanceof Map)) throw new Error(say("mistake.object"));
}

function isMine(value) {
  isDocument(value);
  if (value.has("ops") && value.size === 1 && !isOps(value)) throw new Error(say("mistake.ops"));
}

export class Editors {
  /** `onChange(isOwn)` is called when there is something new to merge; `isOwn`: somebody typed it. */
  constructor(onChange) {
    this.onChange = onChange;
    const typed = (editor) => this.typed(editor);
    this.base = new Editor("base", isDocument, typed);
    this.mine = new Editor("mine", isMine, typed);
    this.theirs = new Editor("theirs", (value) => value === null || isDocument(value), typed);
    this.own = new Editor("own", isDocument, typed);
    this.profile = el("select", { id: "profile", on: { change: () => this.pickProfile() } },
      ...[...readyMade.keys()].map((name) => el("option", { value: name }, name)),
      el("option", { value: OWN, word: "profile.own" }));
    this.inDoubt = input("in_doubt", typed);
    this.expectedTotal = input("expected_total", typed);
    this.root = el("details", { class: "documents", open: true },
      el("summary", { word: "documents" }),
      el("div", { class: "editors" }, this.base.root, this.mine.root, this.theirs.root),
      el("div", { class: "options" },
        el("label", { class: "option" }, el("span", { word: "profile" }), this.profile),
        this.inDoubt.root, this.expectedTotal.root),
      this.own.root);
    this.own.root.hidden = true;
  }

  get texts() {
    return { base: this.base.text, mine: this.mine.text, theirs: this.theirs.text };
  }

  /** Puts an example in. */
  fill({ base, mine, theirs, inDoubt, submit }) {
    const text = (value) => JSON.stringify(value, null, 1);
    this.base.text = text(base);
    this.mine.text = text(mine.doc ?? mine);
    this.theirs.text = text(theirs ?? null);
    this.inDoubt.field.value = inDoubt?.token ?? (inDoubt?.sent ? JSON.stringify(inDoubt.sent) : "");
    this.expectedTotal.field.value = submit?.expectedTotal ?? "";
    this.profile.value = "salesInvoice";
    this.own.root.hidden = true;
  }

  /** What is to be merged, or the names of the editors that have to be mended first. */
  read() {
    const isOwn = this.profile.value === OWN;
    const editors = [this.base, this.mine, this.theirs, ...(isOwn ? [this.own] : [])];
    const broken = editors.filter((editor) => !editor.validate()).map((editor) => say(`editor.${editor.name}`));
    if (broken.length > 0) return { broken };
    const profile = isOwn ? JSON.parse(this.own.text) : readyMade.get(this.profile.value);
    return { texts: this.texts, profile, inDoubt: this.inDoubt.field.value.trim(), expectedTotal: this.expectedTotal.field.value.trim() };
  }

  /** Shows a refusal by the package at the editor that it is about. */
  complain(name, message) {
    const editor = name === "profile" ? this.own : this[name];
    editor?.complain(message);
  }

  pickProfile() {
    const isOwn = this.profile.value === OWN;
    if (isOwn && this.own.text === "") this.own.text = JSON.stringify(readyMade.get(this.lastPicked ?? "salesInvoice"), null, 1);
    if (!isOwn) this.lastPicked = this.profile.value;
    this.own.root.hidden = !isOwn;
    this.onChange(false);
  }

  typed(editor) {
    clearTimeout(this.pause);
    editor?.validate?.();
    this.pause = setTimeout(() => this.onChange(true), PAUSE_MS);
  }
}

function input(name, typed) {
  const field = el("input", { id: name, type: "text", autocomplete: "off", spellcheck: "false", on: { input: () => typed() } });
  const root = el("label", { class: "option" }, el("span", {}, say(name), " ", el("span", { class: "hint", word: `hint.${name}` })), field);
  return { field, root };
}
