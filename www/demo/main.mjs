// Start reading here: opens two tills on one bill and puts them on the page.
//
// `?lang=ar` and `?dir=rtl` choose language and direction, `?store=memory` keeps drafts off the
// disk; `#NAME` is the bill, so that a reload finds it again, with the edits that were not saved.
import { button, el, setText, translateAll } from "./dom.mjs";
import { Scenarios } from "./scenarios.mjs";
import { Station } from "./station.mjs";
import { TillView } from "./till-view.mjs";
import { Timeline } from "./timeline.mjs";
import { language, languages, say, useLanguage } from "./words.mjs";

const address = new URL(location.href);
useLanguage(address.searchParams.get("lang") ?? "en");
start().catch((error) => {
  console.error(error);
  document.body.replaceChildren(el("p", { class: "failed", role: "alert" }, say("failed", { reason: error.message })));
});

async function start() {
  applyDirection(address.searchParams.get("dir"));
  const store = address.searchParams.get("store") ?? "indexeddb";
  const bill = decodeURIComponent(location.hash.slice(1));
  const timeline = new Timeline();
  const onLog = (event) => timeline.add(event);
  const options = { session: session(), store, bill, onLog };
  const stations = await Promise.all(["till-1", "till-2"].map((id) => Station.open(id, options)));
  const scenarios = new Scenarios(stations);
  const views = stations.map((station, index) =>
    new TillView(station, index + 1, (rows) => scenarios.billWith(station, rows)));
  const page = build(scenarios, views, timeline);
  document.body.replaceChildren(...page);
  const translate = () => {
    for (const part of page) translateAll(part);
    for (const part of [...views, timeline, scenarios]) part.translate();
  };
  translate();
  document.getElementById("language").addEventListener("click", () => {
    switchLanguage();
    translate();
  });
  // For the browser's console and for the page's tests.
  window.demo = { stations, timeline, scenarios };
  scenarios.onBill = showBill;
  await scenarios.begin();
  document.body.dataset.ready = "true";
}

function build(scenarios, views, timeline) {
  const header = el("header", { class: "page-head" },
    el("div", { class: "page-title" }, el("h1", { word: "title" }), el("p", { word: "lead" })),
    scenarios.bar,
    el("p", { class: "bill" }, el("span", { word: "bill" }), " ", el("bdi", { id: "bill" }, "…")),
    el("a", { class: "to-page", href: "merge.html", word: "to_merge" }),
    el("a", { class: "to-page", href: "systems.html", word: "to_systems" }),
    button({ id: "language", word: "other_language" }));
  return [header, scenarios.result, el("main", { class: "tills" }, ...views.map((view) => view.root)), timeline.root];
}

function showBill({ key, stamp }) {
  setText(document.getElementById("bill"), stamp ? key : say("no_bill"));
  history.replaceState(null, "", `#${encodeURIComponent(key)}`);
}

function switchLanguage() {
  const codes = Object.keys(languages);
  useLanguage(codes[(codes.indexOf(language().code) + 1) % codes.length]);
  applyDirection(null);
}

function applyDirection(direction) {
  const { code } = language();
  const wanted = ["ltr", "rtl"].includes(direction) ? direction : languages[code].direction;
  Object.assign(document.documentElement, { lang: code, dir: wanted });
}

/** Drafts belong to a user: two tabs of this demo must not share theirs, a reload must. */
function session() {
  const known = sessionStorage.getItem("session");
  if (known) return known;
  const made = crypto.randomUUID();
  sessionStorage.setItem("session", made);
  return made;
}
