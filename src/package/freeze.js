// Plain data of the package's own, frozen through and through: what was read of it once stays true.
const constants = new WeakSet();

export function freeze(value) {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(freeze);
    constants.add(value);
  }
  return Object.freeze(value);
}

export function isConstant(value) {
  return constants.has(value);
}
