/**
 * Every kind of fault: what it is of, how often a seed has it, and what may come of it beside lost time: its budget. Whatever
 * else comes of it (a lost record, a wrong state, an end without a word) fails the seed.
 *
 * Owns the table. What each does stands in `strikes/`.
 */

/**
 * What a fault may lead to.
 * - `stops`: the server ends itself for its log's sake, and starts again; nothing that was acknowledged is lost.
 * - `refuses`: the server does not start, calls its log DAMAGED, and says what is wrong and where. The run ends there.
 * - `loses`: records are lost of which only the liar itself knew: acknowledged while the disk lied about its syncs, or in the
 *   last write of all, which nothing later on the disk bears witness to. The run ends there.
 * Of all others nothing is seen but time.
 */
export type Verdict = "stops" | "refuses" | "loses";

/** By what they are of. */
export const FAULTS_OF = {
  network: [
    "cut",
    "cut-all",
    "partition",
    "partition-all",
    /** Clients are cut off one by one, and freed in another order. */
    "swizzle",
    "drop-reply",
    "drop-request",
    /** Of one write that was committed, and of no other. */
    "lose-write-reply",
    "delay-reply",
    /** A message that never arrives, on a connection that stays. */
    "stick-request",
    "stick-reply",
    "stick-handshake",
    "refuse",
    /** The server's machine lets clients in, its process never hears of them. */
    "hang",
    /** The client's end is gone, the server is not told. */
    "half-open",
    "slow-link",
  ],
  process: [
    "stall-server",
    "stall-client",
    "kill-client",
    "sleep-client",
    "sleep-server",
    "power-failure",
    "kill",
    "restart",
  ],
  /** Of the wall. */
  clock: ["jump-client", "jump-server"],
  /** What operators do. */
  order: ["expire", "forget-history", "checkpoint"],
  disk: [
    "disk-full",
    "disk-error",
    "disk-slow",
    "disk-hang",
    /** The newest snapshot rots, while an older one that joins the log is there. */
    "damaged-snapshot",
  ],
  lie: ["lying-sync", "misdirected-write", "stale-sector", "flipped-bit"],
} as const;

export type Family = keyof typeof FAULTS_OF;
export type KindOf<F extends Family> = (typeof FAULTS_OF)[F][number];
export type FaultKind = KindOf<Family>;
export type LieKind = KindOf<"lie">;

export const FAMILIES: readonly Family[] = Object.keys(FAULTS_OF) as Family[];
export const FAULT_KINDS: readonly FaultKind[] = Object.values(FAULTS_OF).flat();
export const LIE_KINDS: readonly LieKind[] = FAULTS_OF.lie;

const FAMILY_OF = new Map<FaultKind, Family>(
  FAMILIES.flatMap((family) => FAULTS_OF[family].map((kind) => [kind, family])),
);
export const familyOf = (kind: FaultKind): Family => FAMILY_OF.get(kind)!;

const ALLOWS: Partial<Record<FaultKind, readonly Verdict[]>> = {
  "disk-full": ["stops"],
  "disk-error": ["stops"],
  "lying-sync": ["refuses", "loses"],
  "misdirected-write": ["refuses", "loses"],
  "stale-sector": ["refuses", "loses"],
  "flipped-bit": ["refuses", "loses"],
};

/** Share of the seeds that have it: enough of each, and not all of them in every seed. Of lies a seed has one, or none. */
const SHARE = 0.5;
const RARE: ReadonlySet<FaultKind> = new Set([
  "swizzle",
  "stick-request",
  "stick-reply",
  "stick-handshake",
  "refuse",
  "hang",
  "slow-link",
  "sleep-server",
  "disk-slow",
  "disk-hang",
]);
const RARE_SHARE = 0.25;

export const shareOf = (kind: FaultKind): number =>
  familyOf(kind) === "lie" ? 0 : RARE.has(kind) ? RARE_SHARE : SHARE;

/** Where a seed has them these strike so many times as often as others: most of what can be wrong shows at them. */
const OFTEN: Partial<Record<FaultKind, number>> = { "power-failure": 4, kill: 2, "lose-write-reply": 2 };

/** To draw a strike from: the more often, the more often it is there. */
export const weighted = (kinds: readonly FaultKind[]): readonly FaultKind[] =>
  kinds.flatMap((kind) => Array.from({ length: OFTEN[kind] ?? 1 }, () => kind));

/** What may come of all that has struck so far. */
export class Budget {
  readonly #struck = new Set<FaultKind>();

  struck(kind: FaultKind): void {
    this.#struck.add(kind);
  }

  allows(verdict: Verdict): boolean {
    for (const kind of this.#struck) if (ALLOWS[kind]?.includes(verdict) === true) return true;
    return false;
  }
}
