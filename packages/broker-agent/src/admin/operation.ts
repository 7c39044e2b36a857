/**
 * One administrative operation as the controller carries it out: a pure decision from the image and the arguments.
 *
 * Its effects, the deletion of the request and the result are one transaction: done once, whoever was controller when. What is too much
 * for one transaction is either written as a state that a duty goes on from (`creating`, `growth`, `deleting`), or is `partitions`: changes
 * that mean nothing when they are made again.
 */
import type { Operation } from "@corral/client";
import type { PartitionChange, Term } from "../controller/duty.ts";

export interface Decision {
  readonly partitions?: readonly PartitionChange[] | undefined;
  /** At most 490: request and result come beside them. */
  readonly together?: readonly Operation<unknown>[] | undefined;
  /** For who asked; JSON. */
  readonly result: unknown;
}

export interface AdminOperation {
  /** As in RequestRecord. */
  readonly name: string;
  /** Throws `Refused`; never anything for bad arguments but that. `by`: who asks. */
  readonly decide: (term: Term, args: unknown, by: string) => Decision;
}
