/**
 * Thrown for misuse of the package, never for what a server or another till did.
 * `code` is stable and meant for programs; the message is meant for developers.
 * The Rust side makes its errors with this same class, so `instanceof` always holds.
 */
export class RestampError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "RestampError";
    this.code = code;
  }
}
