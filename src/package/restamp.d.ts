/**
 * The public face of the npm package `restamp`: what a POS team imports.
 *
 * Conventions
 * - Amounts and quantities are exact decimals. In a Doc they may be strings ("12.50") or JSON numbers; a field goes back to
 *   the server in the kind it came (number stays number, with exact decimal digits). What the package itself returns as an
 *   amount (conflicts, totals, steps) is a string. Where a number's decimal text does not survive a double, `doc` shows a string.
 *   "3", "3.000" and 3.0 are equal; nothing is ever computed through a float.
 * - Times are milliseconds since the Unix epoch, durations milliseconds. Stamps are opaque: compared for equality, never parsed.
 * - A path's text form is "customer", "items[r1].qty", "items[r1]", "payments". Rows are named by identity, never by position.
 *   A group of fields decided together has a name that begins with "@": "@customer", "items[r1].@price".
 * - No call rejects for what a server, the network or another till did: that is an Outcome. Calls throw RestampError (with `code`)
 *   only for misuse: unknown path, malformed decimal, closed till. The message names the argument and the reason.
 * - Snapshots (`draft.doc`, `draft.conflicts`) are plain frozen data and keep their identity until something in them changes.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Doc = { [key: string]: Json };
/** A document as JSON text or UTF-8 bytes straight from a response, or as an object. */
export type DocInput = Doc | string | Uint8Array;
/** A decimal as text, for example "12.50". */
export type DecimalText = `${number}`;

/* ================================================================== pure functions: synchronous after init(), no I/O */

/** Loads the module once. `restamp` fetches the .wasm beside it; `restamp/inline` carries it. openTill() calls it by itself. */
export function init(source?: string | URL | Response | BufferSource | WebAssembly.Module): Promise<void>;

/** How a document is merged. Ready-made: profiles.salesInvoice, profiles.posInvoice, profiles.odooOrder, profiles.plain. */
export interface Profile {
  /** Fields that identify the document beside its key; another value means another document (e.g. Frappe's `creation`). */
  identity?: string[];
  /** Kept by the server (names, stamps, owners): never sent as a change, always the newest copy's. Trailing * is a wildcard. */
  system?: string[];
  /** Computed by the server (totals, taxes, base_*): the newest copy's; a change in them is nobody's edit. */
  server?: string[];
  /** Must not differ; a difference is a conflict "frozen". */
  frozen?: string[];
  /** Notes: theirs, then my new lines. */
  text?: string[];
  /** Whole tables kept by the server. */
  serverTables?: string[];
  /** Fields decided together, one conflict for all. `head`: dependents of a replaced head are dropped. `derived`: ignored when its source is set. */
  groups?: Record<string, { fields: string[]; head?: string; derived?: Record<string, string> }>;
  tables?: Record<string, TableProfile>;
  /** First of these that is present is the amount due, for the double payment check. */
  due?: string[];
  /** Values of `field` that end a draft's life. */
  lifecycle?: { field: string; submitted: Json[]; cancelled?: Json[] };
  /** Field that carries the token of the last save (lets a lost answer be recognised). */
  tokenField?: string;
  /** Unique field that carries the token of the creation: a document created twice exists once. */
  createTokenField?: string;
  /** Field that names who changed the document last; becomes `by` of a conflict. */
  changedBy?: string;
  /** Rule for fields not named. Default "ask". */
  otherwise?: Rule;
  /** Rule by field name, where a field needs another than its list above gives. */
  fields?: Record<string, Rule>;
}
export type Rule = "ask" | "mine" | "theirs" | "server" | "frozen" | "counter" | "money" | "set" | "text" | "max" | "min";

export interface TableProfile {
  /** Fields that identify a row, the first that a row has counts; then the fallback. */
  row: string[];
  /** For rows without any of them: equal in these fields, n-th occurrence. */
  fallback?: string[];
  /** Row identity on the server: sent only if the newest copy has that row (a dead one would be counted and lost). */
  serverRow?: string;
  /** Position field, renumbered from 1 on every save. */
  position?: string;
  system?: string[]; server?: string[]; frozen?: string[]; text?: string[];
  /** Whole steps add up: both sides' steps count. */
  counter?: string[];
  /** Payment amounts: steps add up, nothing is dropped. */
  money?: string[];
  set?: string[];
  groups?: Record<string, { fields: string[]; head?: string; derived?: Record<string, string> }>;
  /** Price: one decision; a server reprice alone is a notice, against my price a conflict "repriced". */
  price?: { fields: string[]; rate: string; manual: string; reprice: string[] };
  /** Unit against quantity: one side changed the unit, the other the quantity → one conflict. */
  measure?: { unit: string[]; quantity: string };
  /** Rows the server builds (free items): taken out and rebuilt, never merged. */
  derivedRowIf?: Record<string, Json>;
  /** Field with an outside transaction number; the same number on both sides is one row, never two. */
  transaction?: string;
  otherwise?: Rule; fields?: Record<string, Rule>;
}

/** One edit with its intent. `increment` is a step (a scan), `set` a statement (typed). */
export type Op =
  | { op: "set"; path: string; value: Json }
  | { op: "increment"; path: string; by: DecimalText; token?: string }
  | { op: "insert"; table: string; row: Doc; after?: string | null }
  | { op: "remove"; table: string; row: string }
  | { op: "move"; table: string; row: string; after: string | null };

export type Reason =
  | "both-changed" | "set-against-change" | "removed-against-edit" | "unit-against-quantity" | "repriced" | "frozen"
  | "double-payment" | "captured-payment" | "answer-lost" | "same-row-id" | "total-changed" | "stock";

export interface Conflict {
  path: string;
  reason: Reason;
  base?: Json; mine?: Json; theirs?: Json;
  /** What the document holds at this path until somebody decides. */
  provisional?: Json;
  /** Who changed it and when, where the server says. */
  by?: string; at?: number;
  /** Amounts for the payment reasons. */
  paid?: DecimalText; due?: DecimalText;
  /** What to ask the cashier, in the till's language, and its code; in drafts and outcomes. */
  message?: string; messageCode?: string;
  /** With "stock": what is left. */
  available?: DecimalText;
  /** With "answer-lost": the value if mine is counted once more, which is what "mine" does. */
  again?: DecimalText;
}

export interface MergeResult {
  kind: "merged" | "conflict" | "terminal";
  /** The newest copy with mine laid over it; provisional values at conflicts. */
  doc: Doc;
  conflicts: Conflict[];
  /** What the others changed since base, and what of mine was reapplied. */
  incoming: string[]; reapplied: string[];
  notices: { kind: "repriced" | "already-saved" | "derived-rebuilt" | string; path?: string; token?: string }[];
  /** Quantities, rows or discounts changed on both sides: prices and offers must be computed again. */
  needsReprice: boolean;
  /** kind "terminal": the document ended elsewhere. */
  state?: "submitted" | "cancelled" | "deleted" | "replaced";
  alreadyDone?: boolean;
  leftover?: { table: string; row: string; [field: string]: Json }[];
}

/** Reload and reapply. `mine` is a whole document or the edits since base. `theirs` null: the server has it no more. */
export function merge(base: DocInput, mine: DocInput | { ops: Op[] }, theirs: DocInput | null, profile: Profile,
  options?: {
    /** My save whose answer was lost: its token (if the backend keeps tokens), or what was sent. */
    inDoubt?: { token?: string; sent?: DocInput };
    /** The total that I want to submit for: another one of the server's becomes a conflict "total-changed". */
    expectedTotal?: DecimalText;
  }): MergeResult;
/** The same, from bytes to bytes: no document becomes a JavaScript object. For speed and for exact number text. */
export function mergeBytes(base: Uint8Array, mine: Uint8Array | { ops: Op[] }, theirs: Uint8Array, profile: Profile):
  { kind: MergeResult["kind"]; bytes: Uint8Array; conflicts: Conflict[] };
/**
 * A merge whose base and mine are read once and kept, for newest copies as they come: the fastest way. What of `theirs` agrees with
 * the base is compared, not parsed. `free()` gives the memory back.
 */
export function prepareMerge(base: DocInput, mine: DocInput | { ops: Op[] }, profile: Profile): PreparedMerge;
export interface PreparedMerge {
  merge(theirs: Uint8Array): { kind: MergeResult["kind"]; bytes: Uint8Array; conflicts: readonly Conflict[] };
  /** `bytes` is a view of the module's memory, valid until the next call of anything in this package. */
  mergeView(theirs: Uint8Array): { kind: MergeResult["kind"]; bytes: Uint8Array; conflicts: readonly Conflict[] };
  free(): void;
}

export interface HttpResponse { status: number; headers?: Record<string, string>; body?: string }
export type CallKind = "create" | "update" | "submit" | "load" | "find";

/** What an answer means, whatever the backend. Decided by machine-readable fields, never by translated text. */
export type Verdict =
  | { kind: "saved"; stamp?: string; doc?: Doc }
  | { kind: "loaded"; stamp?: string; doc: Doc }
  | { kind: "stale"; current?: string; doc?: Doc; retryAfter?: number } // the stamp was old; the newest copy if the answer carries it; retryAfter (ms): when there is room to be parked
  | { kind: "exists"; key?: string }                                // our unique token or key is taken: look it up
  | { kind: "gone" }
  | { kind: "closed"; state: "submitted" | "cancelled" }
  | { kind: "unavailable"; retryAfter?: number; applied: "no"; /** Somebody else has the document; the backend is well. */ locked?: true }     // busy, locked, deadlock, limited: certainly not applied
  | { kind: "in-doubt" }                                            // may have been applied: load before repeating
  | { kind: "unauthenticated"; csrf?: boolean }
  | { kind: "rejected"; code: "forbidden" | "invalid" | "stock"; message: string; fields?: string[];
      /** With "stock": rows (by row identity, server row name or article) that ask for more than there is. */
      rows?: { row: string; available: DecimalText }[] };

export function classify(adapter: "frappe" | "rest", call: CallKind, response: HttpResponse): Verdict;

export interface Schedule {
  /** "proportional": from 0 to `factor` (default 0.4) times the time that the tries took so far, or to `base` if that is more. */
  kind: "fixed" | "exponential" | "full-jitter" | "decorrelated" | "proportional";
  base: number; cap?: number; factor?: number;
  /** Tries in all, the first included. */
  attempts?: number;
  /** Give up this long after the first try. */
  deadline?: number;
}
/**
 * Wait before try number `attempt` (2 = first retry), ms. `random` in [0,1). `previous`: the wait before ("decorrelated"), or the time
 * passed since the first try ("proportional"). A Retry-After is a lower bound. Pure.
 */
export function delay(schedule: Schedule, attempt: number, random: number, previous?: number, retryAfter?: number): number;
/** schedules.frappeOnce (one retry after 100), schedules.odoo (100, 200, 400, then fail), schedules.interactive, schedules.contention, schedules.background. */
export const schedules: Record<string, Schedule>;
export const profiles: Record<string, Profile>;

/* ================================================================== the till */

export interface TillOptions {
  backend: Backend;
  profile?: Profile;
  /** Names this terminal. */
  till: string;
  /** Drafts of different users on one device never mix. */
  user: string;
  /**
   * "indexeddb" (default where there is one), "opfs" (files of a worker that is started for it; not in a SharedWorker), "memory", or
   * your own. With the first two, all pages of this origin and user are one till: one of them sends, the same draft is one draft.
   */
  store?: "indexeddb" | "opfs" | "memory" | Store;
  /** What durable() waits for: "relaxed" (the operating system has it, so a crash of the browser loses nothing) or "strict" (the disk has it). Default: the browser's. */
  durability?: "relaxed" | "strict";
  /** Encrypts the journal at rest: a key for AES-GCM that may encrypt and decrypt. Another key than the last time is refused (journal-key). */
  key?: CryptoKey;
  /**
   * When to try again. Default: `schedules.interactive` while the server is busy or out of reach, `schedules.contention` between
   * conflicts with other tills (their first retry is at once). One that is given is for both.
   */
  schedule?: Schedule;
  /**
   * "optimistic", "pessimistic" (a lease on the document first) or "adaptive" (default: optimistic, and leases on a document while it is
   * contended). It is so for saves of drafts, and for transact, transfer and allocate. Without leases of the backend it is optimistic.
   */
  strategy?: "optimistic" | "pessimistic" | "adaptive";
  /**
   * When "adaptive" takes leases on a document. Of each document the tries on a fresh copy that were stale again ("again", default), first
   * tries that were stale ("first"), or all are weighed: each counts a tenth, what was before nine tenths. Leases from `leaseAbove` on (a share,
   * default 0.2), none any more below `optimisticBelow` (default 0.05); a change lasts `saves` saves at least (default 10). "fifthSystem": "all",
   * 0.1 and 0.01.
   */
  adaptive?: "fifthSystem" | { measure?: "again" | "first" | "all"; leaseAbove?: number; optimisticBelow?: number; saves?: number };
  /** How long a lease lasts that is not given back (100 to 60,000 ms, default 5,000), and how long the server may keep a request for one in its queue (0 to 60,000 ms, default 2,000). */
  lease?: { ttl?: number; wait?: number };
  /** How long the lease lasts that a stale save comes back with in its turn, where the server parks (to 60,000 ms, default 500). A draft asks for
   * twice as much after each one that was over too soon. 0: no save asks for it. */
  park?: number;
  /**
   * Whether drafts learn of others' changes from the backend's feed, where it has one (guarantees.changes). Default true. One tab of a
   * till listens. A feed that breaks off is opened again after a while; where it cannot be gone on from, all that is open is looked at.
   */
  changes?: boolean;
  /** Language of messages, a BCP 47 tag: "en", "ar" and "th" are known ("ar-SA" is "ar"), another one is English. Loaded when the till is opened. */
  language?: string;
  /**
   * Messages of your own, by language tag and code: `{ th: { "queued.offline": "…" } }`. Placeholders as in ours (messages.js in the sources);
   * values are put in between U+2068 and U+2069, so that they keep their order in text of the other direction.
   */
  messages?: Record<string, Record<string, string>>;
  /** The event "log" may carry what was merged, with customers' data (`doc`). Default false: paths and counts only. */
  logDocuments?: boolean;
  /** Time, chance and waiting, for tests and simulation. */
  host?: { now?(): number; random?(): number; sleep?(ms: number, signal: AbortSignal): Promise<void> };
}
export function openTill(options: TillOptions): Promise<Till>;

export interface Till {
  /** The local draft if one is unsaved, else the server's document. */
  open(key: string): Promise<Draft>;
  /**
   * Tell the till what the server told you (a socket, server-sent events): this document changed, and `stamp` is its newest stamp as
   * `draft.stamp` shows it (Frappe's `doc_update`: `modified`). If it is open here and the stamp is news, the newest copy is loaded at
   * once, and unsaved edits are laid over it: the next save is not stale. Spares more requests than any schedule.
   *
   * `more`, where the server tells it: `from`, the stamp that was replaced; `token`, that of the save which made the change
   * (SaveRequest's); `doc`, the document as a load gives it. With `from` and `doc` nothing is loaded, and with `token` a save of one's
   * own that is under way is known to be stored, or never to be, before its answer comes.
   */
  changed(key: string, stamp?: string, more?: Change): void;
  /** A new document; its token is made and stored at once, so it can be sent any number of times and exists once. */
  create(doc: Doc): Promise<Draft>;
  /**
   * A new sale of what an ended document left over: `outcome` is its Outcome of kind "terminal". Head and rows are taken over, what
   * names the old document is not. Called twice, also on another device, it is one and the same sale. Rejects (code "no-leftover")
   * where this till keeps no leftover of that document (any more).
   */
  createFromLeftover(outcome: { key: string }): Promise<Draft>;
  /**
   * What is not on the server yet. Of each draft one call at a time is in flight, of all together four, those first that waited
   * longest. After five calls in a row without a real answer (none, a 5xx, busy) nothing goes out any more, but for one call at a
   * time that probes: after a wait that grows from seconds to minutes, when somebody asks, or when the network is back. The first
   * real answer lets all go on. Signed out, all waits for one call that is let through: sign in, then flush(), retry() or save().
   */
  readonly outbox: {
    /** All that the server does not hold: also what is parked, asked, not asked to be saved yet, or left over of an ended document. */
    list(): Promise<OutboxEntry[]>;
    /** Send what waits now; also happens by itself when the network is back. The outcomes of what was sent; parked ones are not. */
    flush(): Promise<Outcome[]>;
    /** Send this one now, parked or not, with all its edits. Rejects (code "not-found") for a key that no draft here has. */
    retry(key: string): Promise<Outcome>;
    /** Keep this one from being sent, also after a restart, until retry(); a save() of it is answered "queued" meanwhile. */
    park(key: string): Promise<void>;
    /** Everything not yet on the server, as JSON, for a support case or another device. */
    export(): Promise<string>;
    /**
     * Brings in what another till exported, and sends what was to be sent; how many drafts came in. Those that are here already do not
     * come in again. Each carries its token: what was saved elsewhere meanwhile is recognised, or asked, never counted twice. A
     * text that is none rejects (codes not-an-export, export-format, export-broken) and changes nothing.
     */
    import(text: string): Promise<number>;
  };
  /**
   * Several documents, all or nothing. `plan` gets copies of those that exist, frozen, by key, and answers those that it changes (one
   * that it leaves out is not compared either), or refuses. It runs again on fresh copies after a conflict, so it does nothing else. One
   * that throws, or answers something else, rejects (code "plan-failed" with the `cause`, or "invalid-argument"), and nothing is sent.
   * Several documents need guarantees.transactions, "pessimistic" needs guarantees.leases; without them it rejects (code
   * "not-supported") before anything is sent. Aborted, it rejects (code "aborted") and says whether it is in doubt. It needs no draft,
   * is not kept for later, and works in every tab; open drafts of the documents learn of the new copies. Leases go back on every way out.
   */
  transact<T>(keys: string[], plan: (docs: ReadonlyMap<string, Doc>) => { docs: Map<string, Doc>; result: T } | { refuse: string },
    options?: TransactOptions): Promise<TransactOutcome<T>>;
  /** Move an amount between two documents (wallets, gift cards, loyalty). Never below zero. Refusals: "insufficient" (with `short`), "not-found", "not-an-amount". */
  transfer(from: string, to: string, amount: DecimalText, options?: { field?: string } & TransactOptions): Promise<TransactOutcome<null>>;
  /** Take a quantity first in, first out from stock layers, all or nothing. Fields: "quantity", "value", "created". Refused with "shortage" and what is `short`. */
  allocate(layers: string[], quantity: DecimalText,
    options?: { quantityField?: string; valueField?: string; orderField?: string } & TransactOptions): Promise<TransactOutcome<Allocation>>;
  /**
   * The next number of a sequence, unique across tills: sequence("customer", {format: "CUST####"}) → "CUST0001". Without `reserve` the
   * numbers have no gaps, but for one that was on its way to a tab when that, or the tab that leads, was closed. `reserve` keeps a block
   * of so many for offline use, in the journal (tabs take from one block); more are fetched when less than half is left. What is never
   * taken of a block is a gap, and is never given out twice. Rejects with "not-supported", "rejected", "unavailable" (asked again, no
   * number gets lost) or "storage" (the disk takes nothing, so a number could be given out twice).
   */
  sequence(name: string, options?: { format?: string; reserve?: number }): Promise<string>;
  /**
   * Find by a unique field, or create it; two tills at once get the same document. `make` is asked only if there is none; the field is
   * filled in where it is empty. Rejects with "not-supported", "make-failed" (with the `cause`), "rejected", "signed-out" or "unavailable".
   */
  findOrCreate(field: string, value: string, make: () => Doc | Promise<Doc>): Promise<{ doc: Doc; created: boolean; key?: string }>;
  on<K extends keyof TillEvents>(type: K, listener: (event: TillEvents[K]) => void): () => void;
  /**
   * What this page counted since it opened the till. Where several pages are one till, the one that leads does the work and counts it;
   * a page that follows has counted what it did while it led.
   */
  metrics(): Metrics;
  close(): Promise<void>;
}

/** What a server told of a change, beside the key and the newest stamp. */
export interface Change { from?: string; token?: string; doc?: DocInput }

export interface Metrics {
  /** Saves whose first try went out. One that carries the edits of several calls of save() counts once. */
  saves: number;
  /** Saves that the server holds, those recognised after a lost answer included. */
  committed: number;
  /** Saves that were stale, for somebody else had saved in between: by the answer, or by word of the change that came before it. */
  conflicts: number;
  /** Merges with a newer copy, those that left a question included. */
  merged: number;
  /** How often a person had to be asked. */
  asked: number;
  /** Tries of saves after their first. */
  retries: number;
  /** Calls to the backend, of every kind (an adapter may need more than one request for a call). */
  requests: number;
  /** Own saves that were recognised after their answer was lost. */
  echoes: number;
  /** Leases that somebody else held when they were asked for, and the time waited for them in all, ms. */
  leaseWaits: number; leaseWaitMs: number;
  /** `conflicts` by all tries (`saves` and `retries`): 0 to 1. */
  conflictRate: number;
  /** The strategy of the newest save. */
  strategy: "optimistic" | "pessimistic";
}

/**
 * `reason`: "offline", "busy", "signed-out", "parked", "conflict", a rejection's code, or the state of an ended document; none for
 * edits that nobody asked to save. `message`: the server's own words, if it refused.
 */
export interface TransactOptions {
  /** Default: that of the till. */
  strategy?: "optimistic" | "pessimistic" | "adaptive";
  signal?: AbortSignal;
}
export interface Allocation { quantity: DecimalText; value: DecimalText; layers: { key: string; quantity: DecimalText; value: DecimalText }[]; shortage: DecimalText }
/**
 * Nothing is stored unless "committed", or "gave-up" with `inDoubt`: the token of a commit that nobody answered. A refusal is the
 * plan's, or the server's ("forbidden", "invalid", "stock"). "gave-up" for "contended", "leased", "busy", "offline", "signed-out", "closed" or "refused".
 */
export type TransactOutcome<T> =
  | { kind: "committed"; result: T; attempts: number }
  | { kind: "refused"; reason: string; message?: string; short?: DecimalText }
  | { kind: "gave-up"; attempts: number; message: string; reason?: string; inDoubt?: string };
export interface OutboxEntry {
  key: string; status: Status; editedAt: number; attempts: number; nextAttemptAt?: number; reason?: string; message?: string;
}
export type Status = "clean" | "dirty" | "saving" | "waiting" | "conflict" | "parked" | "closed";

export interface Draft {
  readonly key: string;
  readonly stamp: string | null;
  readonly status: Status;
  readonly doc: Doc;
  readonly conflicts: readonly Conflict[];
  get(path: string): Json | undefined;
  set(path: string, value: Json): void;
  increment(path: string, by: DecimalText): void;
  insert(table: string, row: Doc, options?: { after?: string | null }): string;
  remove(table: string, row: string): void;
  move(table: string, row: string, after: string | null): void;
  /** For UIs that keep whole documents: the difference becomes the draft's edits. */
  replace(doc: Doc): void;
  /** Resolves when the edits made so far are on disk. Rejects (code "storage") while the disk takes nothing; they are kept in memory then. */
  durable(): Promise<void>;
  save(options?: { signal?: AbortSignal }): Promise<Outcome>;
  /** Submits what the cashier saw: if the merged total differs from `expectedTotal`, the outcome is a conflict "total-changed". */
  submit(options?: { expectedTotal?: DecimalText; signal?: AbortSignal }): Promise<Outcome>;
  /** Once no question is left, a save that was asked for goes on; its outcome comes with the event "outbox". */
  resolve(path: string, take: "mine" | "theirs" | { value: Json }): void;
  /**
   * Gives all edits up. A new document whose creation is on its way is closed at once; if it turns out to be stored, it is open
   * again, clean, and the notice "saved-after-discard" says so; where nothing tells whether it was, the notice is "discard-unclear".
   */
  discard(): Promise<void>;
  subscribe(listener: () => void): () => void;
}

export type Outcome =
  | { kind: "committed"; key: string; stamp: string | null; doc: Doc; attempts: number; incoming: string[]; reapplied: string[]; echoed: boolean }
  | { kind: "conflict"; key: string; conflicts: Conflict[]; message: string; messageCode?: string }
  | { kind: "queued"; key: string; reason: "offline" | "busy" | "signed-out" | "another-tab"; nextAttemptAt?: number; message: string; messageCode?: string }
  | { kind: "rejected"; key: string; code: "forbidden" | "invalid" | "stock"; message: string; messageCode?: string; fields?: string[];
      /** The server's own words; `message` has them too. */
      reason?: string }
  | { kind: "terminal"; key: string; state: "submitted" | "cancelled" | "deleted" | "replaced"; alreadyDone: boolean;
      leftover: { table: string; row: string; [field: string]: Json }[]; message: string; messageCode?: string };

/**
 * Notices of kind "storage" (once: the disk takes nothing, the till goes on in memory) and "edit-refused" (an edit of this page came too late
 * for the page that sends: the document had ended, or the row was gone) have no key.
 */
export interface TillEvents {
  draft: { key: string; status: Status }; notice: { key: string; kind: string; path?: string; message: string };
  /** `outcome`: of a save for which nobody waits any more, for it was answered "queued", or goes on after a restart or resolve(). */
  outbox: { waiting: number; outcome?: Outcome };
  /**
   * A document is worked on another way from now on: with a lease while saves on a fresh copy are stale again and again.
   * `from`, `to`: "optimistic" or "pessimistic"; `conflictRate`: the rate that decided, from 0 to 1.
   */
  strategy: { key: string; from: string; to: string; conflictRate: number };
  /**
   * Steps on the way of a save, for an operator. Events: save-sent (attempt), load-sent, loaded, stale, merged (incoming, reapplied: how many
   * places; paths, mine: which; by: who saved the newer copy, where the profile's `changedBy` says), with `logDocuments` also the document as `doc` (merged, asked, committed),
   * asked (conflicts), in-doubt, echoed, waiting (until), lease-asked, lease-granted (waited: milliseconds), lease-released, committed, rejected, signed-out, ended, breaker (state:
   * "open", "half-open" or "closed"; the notices "server-lost" and "server-back" say the same to the cashier); and once, with the first draft, weak-backend (lacks).
   * Of a transaction (transaction: its keys): commit-sent (attempt, times), stale (keys), lease-granted, lease-held, lease-lost, waiting, in-doubt.
   */
  log: { at: number; key?: string; level: "debug" | "info" | "warn" | "error"; event: string; [detail: string]: unknown };
}

/* ================================================================== backends and stores */

export interface FetchOptions { url?: string; headers?: Record<string, string>; fetch?: typeof fetch; timeout?: number }
/**
 * Frappe and ERPNext, v14 to v16. `token` is an API key and secret, "key:secret"; without it the page's own session counts, and
 * `csrf` gives its CSRF token. `tokenField`: the unique field for creations, if the profile names none. `methods.commit`: your app's method
 * that stores several documents or none (examples/frappe has one), for `transact`, `transfer` and `allocate`; it is given `doctype`, `writes`
 * (a list of `{name, modified, doc}`, a new one without `modified`) and `token`, and answers `{documents, replayed}`.
 */
export function frappe(o: FetchOptions & {
  doctype: string; token?: string; csrf?: () => string | Promise<string>; methods?: Partial<Record<CallKind | "commit", MethodTemplate>>;
  api?: "v1" | "v2"; tokenField?: string;
}): Backend;
/**
 * Any REST server. The stamp is the ETag, sent back as If-Match, or a field of the body. `key`: the field that holds a document's
 * key (default id, name or key). `envelope`: the member of every body that holds the document. `wholeAnswers: false`: answers to
 * saves leave parts of the document out. `racy`: two saves at once may both be told that they were stored. `offers`: what the server
 * has beyond documents under a path, as the reference backend has all of it: `POST _commit`, `KEY/_lease`, `_sequences/NAME`,
 * `_changes`, `KEY/_apply`, `Prefer: park`, several documents in one request (`_documents`,
 * `_leases`, `_release`, `release` of `_commit`), and `Idempotency-Key` heeded on every save. `pushDocuments: false`: the feed of changes is
 * not asked for the documents (`?documents=1`), which spare a load each.
 */
export function rest(o: FetchOptions & {
  path: string; stamp?: "etag" | { field: string };
  key?: string; envelope?: string; tokenField?: string; wholeAnswers?: boolean; racy?: boolean;
  pushDocuments?: boolean;
  offers?: "all" | ("transactions" | "leases" | "sequences" | "changes" | "apply" | "parking" | "batches" | "tokens")[];
}): Backend;
/** A front-end's own server method: which argument carries the document and how, and where the answer holds it. */
export interface MethodTemplate { method?: "GET" | "POST" | "PUT"; path: string; args?: Record<string, string>; encode?: "json" | "json-string" | "form"; answer?: string }

/** What a backend truly offers; the engine says in `log` which promise it cannot keep where one is missing. */
export interface Guarantees {
  /** "racy": a stale save is refused, but two at the same moment may both be told it was saved (seen on real servers): read back by token. */
  compareAndSet: "atomic" | "racy" | "none"; token: "native" | "field" | "none"; transactions: boolean; leases: boolean; sequences: boolean; changes: boolean; apply: boolean;
  /** A stale save may wait for its turn and come back with the newest document and a lease. */
  parking?: boolean;
  /** Several documents are loaded, leased and given back in one request. */
  batches?: boolean;
  /**
   * The token of every save is kept, for an hour at least: the same request again is answered as the first time. Then a save whose answer
   * was lost is asked for by sending it once more, and no counter is asked about ("answer-lost").
   */
  replays?: boolean;
}
/** Any backend at all: load and save; the rest is used where present. */
export interface Backend {
  readonly guarantees: Guarantees;
  load(key: string, signal: AbortSignal): Promise<Verdict>;
  save(request: SaveRequest, signal: AbortSignal): Promise<Verdict & { key?: string }>;
  find?(field: string, value: string, signal: AbortSignal): Promise<Verdict & { key?: string }>;
  /**
   * Tells of others' changes until the function that it answers is called (guarantees.changes); `more` as for Till.changed(). Called without
   * arguments: changes were missed. No stamp: it was deleted, or the server tells none.
   */
  changes?(onChange: (key: string, stamp: string, more?: Change) => void): () => void;
}
export interface SaveRequest { key: string | null; doc: Doc; changed: string[]; stamp: string | null; token: string; submit?: boolean }

/**
 * Durable journal. `append` resolves when the entries, all or none, survive a crash of the page. A store of your own is used by one
 * page at a time.
 */
export interface Store {
  append(user: string, entries: Uint8Array[]): Promise<void>;
  load(user: string): Promise<Uint8Array[]>;
  compact(user: string, snapshot: Uint8Array[]): Promise<void>;
  /**
   * Whether `load` gives all that was handed in; false if an `append` failed and none has succeeded since, for the till then sends what the
   * entries do not tell of. Without it the store is taken at its word.
   */
  isWhole?(user: string): Promise<boolean>;
}
/**
 * Misuse, or a document that cannot be opened. Codes: not-initialised, not-loaded, invalid-argument, invalid-profile, unknown-path,
 * unknown-row, row-exists, read-only, not-a-decimal, not-json, not-a-document, no-such-conflict, limit, closed, aborted, storage,
 * no-leftover, not-an-export, export-format, export-broken; from Till.open(): not-found, unavailable, signed-out, rejected; from openTill():
 * journal-format, journal-broken, journal-key.
 */
export class RestampError extends Error { readonly code: string }
