/**
 * Who lives in the world: programs that use Corral as their users would, each kind with promises of its own.
 *
 * A cast owns what its programs do and what must be true of it. It never touches the server, the network or the disk: what goes
 * wrong is the world's, and strikes all alike.
 */
import type { Client, OpenOptions } from "@corral/client";
import type { Draw, Process } from "@corral/testing/world";
import type { State } from "@corral/state-machine";
import type { History, Violation } from "../history.ts";
import type { Plant } from "../plant.ts";
import type { CastName, Plan } from "../world/plan.ts";

/** One life of a program: from its start until it is killed, or the world ends. */
export interface Life {
  /** Of the program, and in later lives of it also which life: "1", then "1'2". */
  readonly name: string;
  /** 1, 2, … */
  readonly number: number;
  /** Its clocks and its timers. Nothing in it goes on once it is dead. */
  readonly process: Process;
  /** It stands still for so long, by its own doing: as `process.stall`, and whoever judges sessions knows of it. */
  readonly stall: (ms: number) => void;
  /** For a client of this life: world, clock, randomness, timeouts as the seed decides. */
  readonly options: OpenOptions;
  /** Of this life alone. */
  readonly draw: Draw;
}

/** A process that can be killed, and comes back with nothing but what outlives processes. */
export interface Program {
  readonly name: string;
  /** Begins a life. What lives on from an earlier one (a disk) is the cast's to keep. */
  begin(life: Life): void;
}

export interface Cast {
  readonly name: CastName;
  readonly programs: readonly Program[];
  /** Before anything goes wrong, and before the programs begin. */
  prepare?(client: Client): Promise<void>;
  /** Everything is healed: what was begun is finished, nothing new is begun. */
  calm(): void;
  /** What has not come to rest yet; undefined when everything has. Asked again and again in the calm. */
  unrest(): string | undefined;
  /** Everything is at rest, the clients are still there: the last look at the living. */
  look?(): void;
  /** Everybody leaves. Resolves when all clients are closed. */
  leave(): Promise<void>;
  /** All is over: which promises of this cast were not kept, by what it has noted and by the log. */
  judge(history: History): readonly Violation[];
}

/** What a cast needs of the world. */
export interface Stage {
  readonly plan: Plan;
  /** A mistake to be built into a cast's programs, if it is one of theirs. */
  readonly plant: Plant | undefined;
  readonly history: History;
  /** Milliseconds since the world began. */
  readonly now: () => number;
  /** Number of the next event, over the whole run. */
  readonly nextEvent: () => number;
  /** One line of the trace. */
  readonly note: (what: string) => void;
  /** A promise was not kept. `unlessForgotten`: it counts only where the server's history reaches back far enough to tell what was missed. */
  readonly violate: (check: string, what: string, unlessForgotten?: boolean) => void;
  /** This has been reached: one of the marks that the cast declares. */
  readonly sometimes: (mark: string) => void;
  /** May this step be taken? A run that is made smaller leaves some out; the draws of all others stay the same. */
  readonly mayAct: (step: string) => boolean;
  /** The server's, as it is at this moment. Throws while it is down. */
  readonly state: () => State;
  /** Writes a snapshot now. For a cast's preparation. */
  readonly checkpoint: () => Promise<void>;
}
