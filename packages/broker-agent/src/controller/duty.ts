/**
 * What a controller sees to. Each duty compares what is with what ought to be, by the image alone, and says what to write; it keeps no
 * plan of its own. So whoever becomes controller, at whatever moment the one before died, does what was left to do.
 *
 * Owns the words only: the loop that carries them out is the controller's.
 */
import type { Client, CorralError, Guard, Operation } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Delta, PartitionView } from "../image/views.ts";
import type { PartitionState } from "../partition/state.ts";

/** From winning the controllership to losing it. */
export interface Term {
  /** The controller's own broker. */
  readonly broker: number;
  /** The controller's epoch: greater than that of every controller before. */
  readonly epoch: number;
  /** Holds while the term lasts; is put before everything that is written in it. */
  readonly guard: Guard;
  /** Aborted when the term is over. */
  readonly signal: AbortSignal;
  readonly image: ClusterImage;
  readonly client: Client;
}

/** One partition from what was seen to what it is to be: refused if it has changed in between, then looked at again. */
export interface PartitionChange {
  readonly before: PartitionView;
  readonly state: PartitionState;
}

/** What a duty wants written. */
export interface Step {
  /** For logs and traces: `offline election of 3 partitions`. */
  readonly what: string;
  /** Each by itself, in chunks; those that change who leads go first. Done before `together`. */
  readonly partitions?: readonly PartitionChange[] | undefined;
  /** All or nothing, in one transaction of at most OPERATIONS_MAX. Not tried if any of `partitions` was refused. */
  readonly together?: readonly Operation<unknown>[] | undefined;
  /** Of `together`, beside those of the term: as `registrationsOf` says of the partitions in it. */
  readonly guards?: readonly Guard[] | undefined;
}

/** Operations of one transaction. */
export const OPERATIONS_MAX = 500;
/** Bytes of data of one transaction; a request to the server may have twice as many. */
export const TRANSACTION_BYTES_MAX: number = 512 * 1024;

export interface Duty {
  readonly name: string;
  /** Everything is due: the term begins. */
  begin(): void;
  /** Makes due what this concerns. Called in the turn in which the change is in the image; does nothing else. */
  notice(delta: Delta): void;
  /** What is to be written now; undefined if nothing is due. What it returned last is in the image, unless it was refused. */
  next(): Step | undefined;
  /**
   * These were refused because they had changed: due again. `together`: why that was refused, if it was; nothing of it was done then. What was
   * in the way is in the image.
   */
  refused(changes: readonly PartitionChange[], together?: CorralError): void;
  /** When to ask again though nothing changes, milliseconds from now; undefined: not. */
  readonly againInMs?: number | undefined;
}

/** Made anew for each term. Asked in the order of the controller's list, the first that has something to write goes first. */
export type MakeDuty = (term: Term) => Duty;
