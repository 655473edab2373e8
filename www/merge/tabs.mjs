// Two views in one place; arrow keys go from tab to tab.
import { button, el } from "./dom.mjs";

/** `views` are [name, element]; `onSelect(name)` hears which one is shown. */
export function tabs(views, first, onSelect) {
  const names = views.map(([name]) => name);
  const buttons = views.map(([name]) => button({
    id: `tab-${name}`, role: "tab", "aria-controls": `panel-${name}`, word: `tab.${name}`,
    on: { click: () => select(name), keydown: (event) => go(event, name) },
  }));
  const panels = views.map(([name, view]) => el("div", { id: `panel-${name}`, role: "tabpanel", "aria-labelledby": `tab-${name}` }, view));

  function select(wanted) {
    names.forEach((name, index) => {
      const selected = name === wanted;
      buttons[index].setAttribute("aria-selected", String(selected));
      buttons[index].tabIndex = selected ? 0 : -1;
      panels[index].hidden = !selected;
    });
    onSelect(wanted);
  }

  function go(event, name) {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const next = (names.indexOf(name) + 1) % names.length;
    select(names[next]);
    buttons[next].focus();
  }

  select(first ?? names[0]);
  return { root: el("div", { class: "views" }, el("div", { role: "tablist", class: "tablist" }, ...buttons), ...panels), select };
}
