// Making elements, of the page and of its pictures.

/** An element. `on` holds listeners, everything else is an attribute. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for a picture. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

export function button(attributes, ...children) {
  return el("button", { type: "button", ...attributes }, ...children);
}

/** Words in a picture. */
export function words(x, y, text, attributes = {}) {
  return svg("text", { x, y, ...attributes }, text);
}

/** A till: its colour, its number, and what it does in words for those who point at it. */
export function tillMark(till, x, y, { radius = 13, hint = till.name } = {}) {
  return svg("g", { class: "mark", style: `--hue: ${till.hue}`, transform: `translate(${x} ${y})` },
    svg("title", {}, hint), svg("circle", { r: radius }), words(0, 4, String(till.number)));
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fill(node, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const [type, listener] of Object.entries(on)) node.addEventListener(type, listener);
  node.append(...children);
  return node;
}
