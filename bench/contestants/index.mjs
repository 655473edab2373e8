// In the order of the table.
import automerge from "./automerge.mjs";
import copyAndCompare from "./copy-and-compare.mjs";
import fastJsonPatch from "./fast-json-patch.mjs";
import handWritten from "./hand-written.mjs";
import jsonParse from "./json-parse.mjs";
import jsondiffpatch from "./jsondiffpatch.mjs";
import lockstepBytes from "./lockstep-bytes.mjs";
import lockstepStrings from "./lockstep-strings.mjs";
import nodeDiff3 from "./node-diff3.mjs";
import restampBytes from "./restamp-bytes.mjs";
import restampHeld from "./restamp-held.mjs";
import restampView from "./restamp-view.mjs";
import trimerge from "./trimerge.mjs";

export const contestants = [
  restampHeld, restampView, restampBytes, handWritten, lockstepStrings, lockstepBytes,
  trimerge, jsondiffpatch, fastJsonPatch, nodeDiff3, automerge, jsonParse, copyAndCompare,
];
