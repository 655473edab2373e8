// Making elements. Text goes in as text nodes only: what is pasted never becomes markup.
import { say } from "./words.mjs";

/** An element. `word` is the key of its text, `label` that of its aria-label; `on` holds listeners. */
export function el(tag, { word, label, on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  if (label) node.setAttribute("aria-label", say(label));
  if (word) node.append(say(word));
  for (const [type, listener] of Object.entries(on)) node.addEventListener(type, listener);
  node.append(...children);
  return node;
}

export function button(attributes, ...children) {
  return el("button", { type: "button", ...attributes }, ...children);
}

/** A field's name or a path; a long one may break behind an underscore. */
export function identifier(name, className) {
  const parts = name.split(/(?<=[_\]])/).flatMap((part, index) => (index === 0 ? [part] : [el("wbr"), part]));
  return el("bdi", { class: className }, ...parts);
}
