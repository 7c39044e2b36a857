/**
 * One administrative operation as the controller carries it out: a pure decision from the image and the arguments.
 *
 * Its effects, the deletion of the request and the result are one transaction: done once, whoever was controller when. What is too much
 * for one transaction is either written as a state that a duty goes on from (`creating`, `growth`, `deleting`), or asked for in parts.
 */
import type { Guard, Operation } from "@corral/client";
import type { PartitionChange, Term } from "../controller/duty.ts";

export interface Decision {
  /** At most PARTITIONS_PER_REQUEST. */
  readonly partitions?: readonly PartitionChange[] | undefined;
  /** At most EFFECTS_MAX, partitions included: request and result come beside them. */
  readonly together?: readonly Operation<unknown>[] | undefined;
  /** Of `together`; those of `partitions` are put beside them. */
  readonly guards?: readonly Guard[] | undefined;
  /** For who asked; JSON. */
  readonly result: unknown;
  /** Partitions that it makes or deletes: what the quota `controller_mutation_rate` counts. KIP-599. Default 0. */
  readonly mutations?: number | undefined;
}

/** Operations of a transaction that are left for effects. */
export const EFFECTS_MAX = 490;

export interface AdminOperation {
  /** As in RequestRecord. */
  readonly name: string;
  /** Throws `Refused`; never anything for bad arguments but that. `by`: who asks. */
  readonly decide: (term: Term, args: unknown, by: string) => Decision;
}
