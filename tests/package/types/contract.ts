// restamp.d.ts against the contract: compiled, not run.
import type * as contract from "./contract.js";
import type * as ours from "restamp";

/** An error where `From` does not fit `To`. */
type Fits<From extends To, To> = From;
type Same<A extends B, B extends C, C = A> = [A, B];

// Types that exist in full: each fits the other.
export type Full = [
  Same<ours.Json, contract.Json>,
  Same<ours.Doc, contract.Doc>,
  Same<ours.DocInput, contract.DocInput>,
  Same<ours.DecimalText, contract.DecimalText>,
  Same<ours.Profile, contract.Profile>,
  Same<ours.TableProfile, contract.TableProfile>,
  Same<ours.Rule, contract.Rule>,
  Same<ours.Op, contract.Op>,
  Same<ours.Reason, contract.Reason>,
  Same<ours.Conflict, contract.Conflict>,
  Same<ours.MergeResult, contract.MergeResult>,
  Same<ours.HttpResponse, contract.HttpResponse>,
  Same<ours.Verdict, contract.Verdict>,
  Same<ours.Status, contract.Status>,
  Same<ours.Draft, contract.Draft>,
  Same<ours.Outcome, contract.Outcome>,
  Same<ours.Allocation, contract.Allocation>,
  Same<ours.TransactOutcome<null>, contract.TransactOutcome<null>>,
  Same<ours.MethodTemplate, contract.MethodTemplate>,
  Same<ours.FetchOptions, contract.FetchOptions>,
  Same<ours.Guarantees, contract.Guarantees>,
  Same<ours.Backend, contract.Backend>,
  Same<ours.SaveRequest, contract.SaveRequest>,
  Same<ours.Store, contract.Store>,
  Same<ours.RestampError, contract.RestampError>,
  Same<typeof ours.init, typeof contract.init>,
  Same<typeof ours.merge, typeof contract.merge>,
  Same<typeof ours.profiles, typeof contract.profiles>,
  Same<typeof ours.frappe, typeof contract.frappe>,
  Same<typeof ours.rest, typeof contract.rest>,
  Same<typeof ours.RestampError, typeof contract.RestampError>,
];

// Those that ours extends: who works with the contract's has all of it.
export type Extended = [
  Fits<contract.Schedule, ours.Schedule>,
  Fits<contract.TillOptions, ours.TillOptions>,
  Fits<typeof ours.delay, typeof contract.delay>,
  Same<keyof typeof ours.schedules, keyof typeof contract.schedules>,
];

// Those of which the contract promises more: what there is of them is the same, and who holds the
// whole has ours.
export type Part = [
  Fits<ours.CallKind, contract.CallKind>,
  Fits<contract.Till, Omit<ours.Till, More>>,
  Same<Omit<ours.Till, "on" | More>, Pick<contract.Till, Exclude<keyof ours.Till, "on" | More>>>,
  Same<ours.OutboxEntry, contract.OutboxEntry>,
  Same<ours.TillEvents, Pick<contract.TillEvents, keyof ours.TillEvents>>,
  Fits<typeof contract.classify, typeof ours.classify>,
  Fits<Parameters<typeof contract.openTill>[0], Parameters<typeof ours.openTill>[0]>,
];

// No value is exported that the contract does not know, but for these.
type More = "prepareMerge" | "createFromLeftover" | "changed";
export type Values = Fits<Exclude<keyof typeof ours, More>, keyof typeof contract>;
