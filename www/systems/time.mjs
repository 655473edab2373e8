export function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A cashier thinks: not always as long. */
export function think(milliseconds) {
  return wait(milliseconds * (0.5 + Math.random()));
}
