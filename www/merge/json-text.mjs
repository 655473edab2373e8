// JSON text to values that keep what JSON.parse() loses: objects are Maps, so a field may have any
// name, and numbers keep their digits. A mistake is told by line and in words.

/** A number as it was written. */
export class Digits {
  constructor(text) {
    this.text = text;
  }
}

export class JsonMistake extends Error {
  /** `key` and `values` are the words of the message; `at` is where in the text. */
  constructor(text, at, key, values = {}) {
    const before = text.slice(0, at);
    super(key);
    this.at = at;
    this.key = key;
    this.line = before.split("\n").length;
    this.column = at - before.lastIndexOf("\n");
    this.values = { ...values, line: this.line, column: this.column };
  }
}

const LEVELS_MAX = 56;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS = new Map([["true", true], ["false", false], ["null", null]]);

/** The value of a JSON text; throws a JsonMistake. Of two fields with one name the last counts. */
export function parseJson(text) {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.space();
  if (reader.at < text.length) throw reader.mistake("json.rest", { found: reader.found() });
  return value;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  mistake(key, values) {
    return new JsonMistake(this.text, this.at, key, values);
  }

  found() {
    return this.text[this.at] ?? "";
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  /** Goes past `mark` if it comes next. */
  takes(mark) {
    this.space();
    const is = this.found() === mark;
    if (is) this.at += 1;
    return is;
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  value(level) {
    if (level > LEVELS_MAX) throw this.mistake("json.deep", { levels: LEVELS_MAX });
    this.space();
    switch (this.found()) {
      case "": throw this.mistake(this.text.trim() === "" ? "json.empty" : "json.end");
      case "{": return this.object(level);
      case "[": return this.list(level);
      case "\"": return this.string();
      default: return this.word();
    }
  }

  word() {
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    const digits = this.match(NUMBER);
    if (digits !== undefined) return new Digits(digits);
    throw this.mistake(this.found() === "'" ? "json.quote" : "json.value", { found: this.found() });
  }

  string() {
    const start = this.at;
    const found = this.match(STRING);
    if (found !== undefined) return JSON.parse(found);
    // Not closed on its line, or a wrong escape in it.
    const line = this.text.indexOf("\n", start);
    const rest = this.text.slice(start, line < 0 ? undefined : line);
    throw this.mistake(/^"(?:[^"\\]|\\.)*"/.test(rest) ? "json.escape" : "json.string");
  }

  object(level) {
    const members = new Map();
    this.at += 1;
    if (this.takes("}")) return members;
    do {
      this.space();
      if (this.found() === "}") throw this.mistake("json.comma_end", { found: "}" });
      if (this.found() === "") throw this.mistake("json.end");
      if (this.found() !== "\"") throw this.mistake("json.name", { found: this.found() });
      const name = this.string();
      if (!this.takes(":")) throw this.mistake(this.found() === "" ? "json.end" : "json.colon", { name, found: this.found() });
      // Set anew, so that the field stands where its last value stands.
      members.delete(name);
      members.set(name, this.value(level + 1));
    } while (this.takes(","));
    if (!this.takes("}")) throw this.open("}");
    return members;
  }

  list(level) {
    const values = [];
    this.at += 1;
    if (this.takes("]")) return values;
    do {
      this.space();
      if (this.found() === "]") throw this.mistake("json.comma_end", { found: "]" });
      values.push(this.value(level + 1));
    } while (this.takes(","));
    if (!this.takes("]")) throw this.open("]");
    return values;
  }

  open(mark) {
    return this.found() === "" ? this.mistake("json.end") : this.mistake("json.comma", { mark, found: this.found() });
  }
}
