// Puts outcomes, conflicts and notices into words for a cashier. What happened is decided elsewhere: here are codes and values only.
import { freeze } from "./freeze.js";
import english from "./messages.js";

const languages = { ar: () => import("./messages-ar.js"), th: () => import("./messages-th.js") };
/** Fields that name a row, the first that it has. */
const names = ["item_name", "full_product_name", "product_name", "item_code", "mode_of_payment", "description", "sku", "name"];

/** The words that `options.language` and `options.messages` ask for; English where a language is unknown or cannot be loaded. */
export async function wordsFor(options) {
  const tag = options?.language ?? "en";
  const language = tag.toLowerCase().split("-")[0];
  const loaded = await languages[language]?.().catch(() => undefined);
  const own = options?.messages ?? {};
  const key = (wanted) => Object.keys(own).find((known) => known.toLowerCase() === wanted);
  // Of the page's own words those for the whole tag come before those for the language.
  const overrides = [language, tag.toLowerCase()].map((wanted) => own[key(wanted)]);
  return new Words(Object.assign({}, english, loaded?.default, ...overrides), options?.profile);
}

export class Words {
  #messages;
  #profile;

  constructor(messages, profile) {
    this.#messages = messages;
    this.#profile = profile;
  }

  /** The message of this code, with each value isolated: right-to-left words around it do not change the order of its parts. */
  say(code, values = {}) {
    return (this.#messages[code] ?? code).replace(/\{(\w+)\}/g, (_, name) => `\u2068${this.#shown(values[name])}\u2069`);
  }

  /** Gives an outcome its message (and its conflicts theirs). */
  outcome(outcome, doc) {
    const { kind } = outcome;
    if (kind === "conflict") {
      outcome.conflicts = this.conflicts(outcome.conflicts, doc ?? {});
      const one = outcome.conflicts.length === 1 && outcome.conflicts[0];
      return this.#put(outcome, "conflict.several", { n: outcome.conflicts.length }, one);
    }
    if (kind === "queued") return this.#put(outcome, outcome.messageCode ?? `queued.${outcome.reason}`);
    if (kind === "rejected") {
      outcome.reason ??= outcome.message;
      return this.#put(outcome, `rejected.${outcome.code}`, outcome);
    }
    if (kind === "terminal") return this.#put(outcome, `terminal.${outcome.state}${outcome.alreadyDone ? ".done" : ""}`);
    return outcome;
  }

  /** Gives each conflict its message; the list is frozen. */
  conflicts(conflicts, doc) {
    return freeze(conflicts.map((conflict) => {
      const values = { ...conflict, ...this.#place(conflict, doc), who: conflict.by ?? this.#messages.somebody };
      return this.#put({ ...conflict }, this.#conflictCode(conflict), values);
    }));
  }

  /** Gives a notice its message. */
  notice(notice, doc) {
    const { kind, path = "", paths } = notice;
    // The reason of a refusal is for developers, and stays in its own member.
    if (kind === "edit-refused") notice.reason ??= notice.message;
    return this.#put(notice, `notice.${kind}`, { ...notice, ...this.#place({ path }, doc), n: paths?.length });
  }

  /** The message of a transaction that stored nothing, or may have. */
  transaction(why, inDoubt, values) {
    const code = inDoubt ? "in-doubt" : why === "refused" ? "no-answer" : why;
    return this.say(`transact.${code}`, values);
  }

  #put(target, code, values, instead) {
    // What a newer module says and these words do not know keeps its own message.
    if (instead || this.#messages[code] || !target.message) {
      target.messageCode = instead ? instead.messageCode : code;
      target.message = instead ? instead.message : this.say(code, values);
    }
    return target;
  }

  #conflictCode({ reason, path }) {
    const code = `conflict.${reason}`;
    if (reason !== "both-changed") return code;
    const field = path.split(".").at(-1).replace(/^@/, "");
    const table = /^(\w+)\[/.exec(path)?.[1];
    if (/discount/.test(field)) return `${code}.discount`;
    if (/^(customer|partner|party)/.test(field)) return `${code}.customer`;
    if (!table) return `${code}.head`;
    return this.#profile?.tables?.[table]?.counter?.includes(field) ? `${code}.quantity` : code;
  }

  /** The name of the row that a path leads to, and of the field. */
  #place({ path, mine, theirs, base }, doc) {
    const [, table, row, end] = /^([^[]+)\[(.*)\](?:\.([^\]]*))?$/.exec(path) ?? [];
    const field = (end ?? path).replace(/^@/, "");
    const identity = this.#profile?.tables?.[table]?.row ?? [];
    const rows = Array.isArray(doc?.[table]) ? doc[table] : [];
    const found = rows.find((candidate) => identity.some((name) => String(candidate[name]) === row));
    const named = [found, mine, theirs, base].find((value) => nameOf(value));
    return { item: nameOf(named) ?? row ?? field, field };
  }

  #shown(value) {
    if (value === undefined || value === null || value === "") return this.#messages.nothing;
    // A value that brings marks of direction along cannot break out of its own.
    if (typeof value !== "object") return String(value).replace(/[\u202a-\u202e\u2066-\u2069]/g, "");
    const parts = Object.values(value).filter((part) => part !== null && part !== "" && typeof part !== "object");
    return nameOf(value) ?? (parts.join(", ") || this.#messages.nothing);
  }
}

function nameOf(value) {
  const name = typeof value === "object" && value !== null ? names.find((field) => value[field]) : undefined;
  return name && String(value[name]);
}
