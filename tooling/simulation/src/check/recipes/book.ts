/**
 * What programs that use recipes have noted: what they were told, when, and what they did about it. Nothing in here is judged.
 *
 * "At" is the zxid of the last entry that was committed when it happened: so the log says what was true then, whatever anybody
 * believed.
 */

/** What is held, and by which rule somebody has a right to it. */
export type HoldKind = "lock" | "read" | "write" | "term" | "permit" | "job" | "party" | "directory" | "member";

/** Something that its holder was told to hold. */
export interface Hold {
  readonly kind: HoldKind;
  /** The path given to the recipe. */
  readonly place: string;
  /** The znode that stands for it. */
  readonly node: string;
  readonly czxid: number;
  readonly token: number;
  /** A life of a program. */
  readonly holder: string;
  readonly gotAt: number;
  /** When the holder, who ran and whose clocks did not both lie, was last seen to find it valid. */
  validAt: number;
  /** When another had it, and the signal of this holder, who ran, had not been aborted. */
  lateAt: number | undefined;
}

/** A write to a store that keeps the greatest token it has seen, and lies outside of everything. */
export interface Attempt {
  readonly store: string;
  /** Of the hold under which it was made. */
  readonly token: number;
  /** What the store was shown. */
  readonly shown: number;
  readonly isTaken: boolean;
  readonly at: number;
}

/** A call. `asked` and `told` are of the one recipe. */
export interface Asked<A, T> {
  readonly who: string;
  readonly path: string;
  readonly asked: A;
  readonly startAt: number;
  /** Infinity while it has not been answered. */
  endAt: number;
  told: T | undefined;
  /** `no` and `unknown`: as its error says. */
  outcome: "pending" | "ok" | "no" | "unknown";
}

/** A change of a number: `to` where it must have come to; `by` where it adds. */
export type Sum = { readonly by: number } | { readonly from: number; readonly to: number };

/** Something followed: what was told, in order. `what` names it so that it can be found in the log. */
export interface Following {
  readonly who: string;
  readonly path: string;
  readonly told: { readonly what: string; readonly at: number }[];
}

/** Contents that somebody was shown as those of one zxid: one line for each znode, sorted. */
export interface View {
  readonly who: string;
  readonly of: "cache" | "group";
  readonly path: string;
  readonly zxid: number;
  readonly at: number;
  readonly lines: readonly string[];
}

/** Somebody passed a round's beginning, or its end. */
export interface Passing {
  readonly who: string;
  readonly path: string;
  readonly round: number;
  readonly node: string;
  readonly czxid: number;
  readonly way: "in" | "out";
  readonly at: number;
}

/** A time of a periodic job, by the server's clock. */
export interface Run {
  readonly who: string;
  readonly path: string;
  readonly term: number;
  readonly timeMs: number;
}

export class Book {
  readonly holds: Hold[] = [];
  readonly attempts: Attempt[] = [];
  readonly sums: Asked<Sum, number | boolean>[] = [];
  /** `asked`: the tag of the value; `told`: the zxid of the change. */
  readonly values: Asked<{ readonly tag: string; readonly ifMatch: number | undefined }, number>[] = [];
  readonly followings: Following[] = [];
  /** Told: was it new? */
  readonly puts: Asked<{ readonly id: string }, boolean>[] = [];
  readonly acks: Asked<{ readonly id: string; readonly token: number }, true>[] = [];
  readonly waits: Asked<"barrier" | "latch", true>[] = [];
  /** Told: how many are left. */
  readonly counts: Asked<{ readonly key: string }, number>[] = [];
  readonly passings: Passing[] = [];
  readonly views: View[] = [];
  readonly runs: Run[] = [];
}
