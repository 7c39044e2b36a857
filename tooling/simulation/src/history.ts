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

/**
 * What concerns the lives of sessions, in its order. `at`, `from`, `to`: by the server's monotonic clock, milliseconds; each of
 * its lives has a time of its own.
 */
export type SessionFact =
  /** A server has read its log: each session in it begins anew. */
  | { readonly kind: "up"; readonly at: number; readonly tickMs: number }
  /** These sessions live; `down`: and the server is about to be gone. */
  | { readonly kind: "look" | "down"; readonly at: number; readonly living: readonly number[] }
  /** The entry that opened it, or attached a connection to it, was committed. `generation`: its zxid. */
  | {
      readonly kind: "begun";
      readonly session: number;
      readonly generation: number;
      readonly timeoutMs: number;
      readonly at: number;
    }
  /** Bytes have arrived at the server on its connection. */
  | { readonly kind: "heard"; readonly session: number; readonly at: number }
  /** The server stood still, or an append was under way for long. */
  | { readonly kind: "stalled"; readonly from: number; readonly to: number }
  /** An operator ends it. */
  | { readonly kind: "ordered"; readonly session: number }
  /** The server has proposed its end, of that attachment alone, decided no earlier than `from`. `excused`: clients of which nothing can be demanded just now. */
  | {
      readonly kind: "expiring";
      readonly session: number;
      readonly generation: number;
      readonly from: number;
      readonly at: number;
      readonly excused: readonly string[];
    }
  /** A client has this session. `isSure`: its clock is not too slow to know before the server that it is over. */
  | { readonly kind: "held"; readonly client: string; readonly session: number; readonly isSure: boolean }
  /** It says that it has it no more, or is dead. */
  | { readonly kind: "released"; readonly client: string; readonly session: number }
  /** Everything has come to rest. */
  | { readonly kind: "rest"; readonly living: readonly number[]; readonly excused: readonly string[] };

export interface History {
  /** Calls that touch registers, with what the callers were told and nothing else. */
  readonly registers: RegisterCall[];
  /** The committed log. */
  readonly entries: Entry[];
  /** Counters of created children that were put forward by hand, right after this entry, before anything went wrong. */
  readonly counters: { readonly zxid: number; readonly path: string; readonly creates: number }[];
  readonly frames: Frame[];
  readonly calls: Call[];
  readonly seen: Seen[];
  readonly followed: Followed[];
  readonly dumps: Dump[];
  readonly sessionFacts: SessionFact[];
  readonly sleeps: Sleep[];
}

/** The server's machine slept for so long, as its clock would have counted; its log had been stamped up to that time. */
export interface Sleep {
  readonly timeMs: number;
  readonly ms: number;
}

export const newHistory = (): History => ({
  registers: [],
  entries: [],
  counters: [],
  frames: [],
  calls: [],
  seen: [],
  followed: [],
  dumps: [],
  sessionFacts: [],
  sleeps: [],
});

/** A promise that was not kept. */
export interface Violation {
  readonly check: string;
  readonly what: string;
}
