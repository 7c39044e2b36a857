/** What a strike has to work with. */
import type { Draw, Host, Network, Process } from "@corral/testing/world";
import type { FaultKind } from "../faults.ts";
import type { Inhabitant, Inhabitants } from "../inhabitants.ts";
import type { ObservedSessions } from "../observed-sessions.ts";
import type { Plan } from "../plan.ts";

export interface StrikeWorld {
  readonly plan: Plan;
  readonly host: Host;
  readonly network: Network;
  readonly inhabitants: Inhabitants;
  /** A process that nothing happens to. */
  readonly fate: Process;
  readonly sessions: ObservedSessions;
  readonly sometimes: (mark: string) => void;
  /** Takes the server away and brings it back after a while. */
  readonly restart: (how: "power" | "process" | "stop", downMs: number) => void;
  readonly sleepServer: (ms: number) => void;
  /** Each operation of the disk takes so many milliseconds more. The function returned ends that. */
  readonly slowDisk: (moreMs: () => number) => () => void;
  /** Snapshots that were damaged. */
  readonly rotten: Set<string>;
  /** The disk begins to lie about its syncs, or stops; it has lied about a write. */
  readonly liar: { begin(): void; end(): void; lied(): void };
}

export interface Strike extends StrikeWorld {
  readonly draw: Draw;
  /** Whom it hits, if it hits one. */
  readonly inhabitant: Inhabitant;
  /** Two times, milliseconds. */
  readonly short: number;
  readonly long: number;
  /** It ends after so long, or with all chaos. */
  readonly lasting: (ms: number, end: () => void) => void;
}

export type Struck = (strike: Strike) => void;
/** What each kind does. */
export type Strikes<Kind extends FaultKind> = Readonly<Record<Kind, Struck>>;
