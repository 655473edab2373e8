// The lower bound of every merge in WebAssembly: the answer copied in, compared with base block by block, copied out.
// The package exports no such thing, so this is a module of its own, made of copy-and-compare.wat by
// `wasm-as --enable-simd copy-and-compare.wat` (binaryen).
const text = "AGFzbQEAAAABCAFgA39/fwF/AwIBAAUDAQABBxQCBm1lbW9yeQIAB2NvbXBhcmUAAApCAUABAn8gACACaiEDAkADQCAAIANPDQEgBCAA/QAEACAB/QAEAP1R/VNqIQQgAEEQaiEAIAFBEGohAQwACwALIAQL";
const page = 65536;

export default {
  name: "copy in, compare, copy out",
  short: "copy + compare",
  kind: "does not merge",
  note: "the lower bound, in a WebAssembly module of the benchmark's own, 16 bytes at a time",
  async load() {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    this.module ??= (await WebAssembly.instantiate(bytes)).instance.exports;
  },
  prepare(base) {
    const { memory } = this.module;
    // Room for both, and for the last block to reach beyond the end.
    this.at = Math.ceil(base.length / page) * page;
    const pages = 2 * (this.at / page) + 4 - memory.buffer.byteLength / page;
    if (pages > 0) memory.grow(pages);
    this.memory = new Uint8Array(memory.buffer);
    this.memory.set(base);
    this.length = base.length;
  },
  merge(theirs) {
    // A reformatted answer may be much longer than base: what does not fit beside it is not copied.
    const answer = theirs.length > this.memory.length - this.at ? theirs.subarray(0, this.memory.length - this.at) : theirs;
    this.memory.set(answer, this.at);
    this.different = this.module.compare(0, this.at, Math.min(this.length, answer.length));
    return this.memory.slice(this.at, this.at + answer.length);
  },
};
