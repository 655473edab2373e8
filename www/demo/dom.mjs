// Making and changing elements. A change that changes nothing does not touch the page.
import { say } from "./words.mjs";

/**
 * An element. `word` is the key of its text and follows the language; `label` is the same for
 * aria-label; `on` holds listeners; everything else is an attribute.
 */
export function el(tag, { word, label, on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  if (word) node.dataset.word = word;
  if (label) node.dataset.label = label;
  for (const [type, listener] of Object.entries(on)) node.addEventListener(type, listener);
  node.append(...children);
  translate(node);
  return node;
}

export function button(attributes, ...children) {
  return el("button", { type: "button", ...attributes }, ...children);
}

/** Puts the words of the current language into the element and everything in it. */
export function translateAll(root) {
  translate(root);
  root.querySelectorAll("[data-word], [data-label]").forEach(translate);
}

function translate(node) {
  const { word, label } = node.dataset;
  if (word) setText(node, say(word));
  if (label) setAttribute(node, "aria-label", say(label));
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

/** Calls `draw` once before the next picture, however often it is asked to. */
export function oncePerFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
