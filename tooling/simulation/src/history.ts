/** What a run leaves to be judged: the log, the wire, the calls, the states. Order numbers are of events, over the whole run. */
import type { ErrorName, Outcome } from "@corral/protocol";
import type { Frame } from "@corral/testing/world";
import type { RegisterCall } from "./check/registers.ts";
import type { Entry } from "./model/model.ts";

/** One call of a client, as the program that made it saw it. */
export interface Call {
  readonly client: string;
  /** Stands in the write itself, so that it is found in the log; undefined for reads. */
  readonly tag: string | undefined;
  readonly op: string;
  readonly path: string;
  readonly start: number;
  /** Infinity while it has not been answered. */
  end: number;
  outcome:
    | { readonly kind: "pending" }
    | { readonly kind: "ok"; readonly value: unknown }
    | { readonly kind: "error"; readonly code: ErrorName; readonly outcome: Outcome };
}

/** What was read, with the least that it may show. */
export interface Seen {
  readonly client: string;
  readonly path: string;
  /** The Stat's eleven fields; undefined for an absent znode. */
  readonly stat: readonly number[] | undefined;
  readonly start: number;
  readonly isLinearizable: boolean;
  readonly end: number;
}

/** An event of a subscription in the order in which its reader got it. */
export interface Told {
  readonly kind: "entry" | "created" | "changed" | "deleted" | "synced" | "resync";
  readonly zxid: number;
  readonly path: string | undefined;
  readonly data: Uint8Array | null;
  readonly stat: readonly number[] | undefined;
}

export interface Followed {
  readonly client: string;
  readonly path: string;
  readonly scope: "tree" | "node" | "children";
  /** It goes on from a state that another one had reached: that one, whole. */
  readonly continues: Followed | undefined;
  readonly told: Told[];
  /** How many of these have been dealt with as a whole unit; where one that continues goes on. */
  wholeUntil: number;
}

/** The whole state of a server at a zxid, as text. */
export interface Dump {
  readonly zxid: number;
  readonly why: string;
  readonly text: string;
}

export interface History {
  /** Calls that touch registers, with what the callers were told and nothing else. */
  readonly registers: RegisterCall[];
  /** The committed log. */
  readonly entries: Entry[];
  readonly frames: Frame[];
  readonly calls: Call[];
  readonly seen: Seen[];
  readonly followed: Followed[];
  readonly dumps: Dump[];
}

export const newHistory = (): History => ({
  registers: [],
  entries: [],
  frames: [],
  calls: [],
  seen: [],
  followed: [],
  dumps: [],
});

/** A promise that was not kept. */
export interface Violation {
  readonly check: string;
  readonly what: string;
}
