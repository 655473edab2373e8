const decoder = new TextDecoder();

export default {
  name: "JSON.parse of the answer alone",
  short: "JSON.parse alone",
  kind: "does not merge",
  note: "what every merge of objects pays before it begins",
  prepare() {},
  merge(theirs) {
    this.seen = JSON.parse(decoder.decode(theirs));
    return theirs;
  },
};
