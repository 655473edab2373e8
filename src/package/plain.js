// A little less than what the engine reads, so that a value still fits when it stands inside a document.
const levels_max = 56;

/**
 * JSON text of plain data. JSON.stringify() loses some values in silence: NaN becomes null, a function or a Map nothing,
 * a promise that nobody awaited {}. For an amount or a row that is a loss of data, so those are refused, by their place.
 */
export function plainText(value) {
  check(value, "", 0);
  return JSON.stringify(value);
}

function check(value, place, level) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value}${at(place)}`);
      return;
    case "object":
      if (value === null || typeof value.toJSON === "function") return;
      if (level >= levels_max) throw new TypeError(`nested more than ${levels_max} times or in a circle${at(place.slice(0, 40))}`);
      if (Array.isArray(value)) {
        for (let index = 0; index < value.length; index += 1) check(value[index], `${place}[${index}]`, level + 1);
        return;
      }
      if (typeof value.then === "function") throw new TypeError(`a promise${at(place)}`);
      if (typeof value[Symbol.iterator] === "function") throw new TypeError(`a ${value.constructor?.name}${at(place)}`);
      for (const key of Object.keys(value)) {
        // As in JSON.stringify(): a member that is undefined is one that is not there.
        if (value[key] !== undefined) check(value[key], place === "" ? key : `${place}.${key}`, level + 1);
      }
      return;
    default:
      throw new TypeError(`${typeof value}${at(place)}`);
  }
}

function at(place) {
  return place === "" ? "" : ` at ${place}`;
}
