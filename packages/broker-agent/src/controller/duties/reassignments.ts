/**
 * Reassignments come to their end: when the whole target is in sync, exactly the target stays, and is led by one of it.
 *
 * All of a reassignment stands in the partition; who began it does not matter.
 */
import type { Delta, PartitionView } from "../../image/views.ts";
import { completeReassignment } from "../../partition/reassignment.ts";
import { isReassigning } from "../../partition/state.ts";
import { Due } from "../due.ts";
import type { Duty, PartitionChange, Step, Term } from "../duty.ts";
import { isInUse, isSameStanding, stayingOf } from "../standing.ts";

/** Partitions of one step. */
const STEP_PARTITIONS_MAX = 10_000;

export function reassignments(term: Term): Duty {
  return new Reassignments(term);
}

class Reassignments implements Duty {
  readonly name = "reassignments";
  readonly #term: Term;
  readonly #running = new Due();
  /** Those of the running ones that something has changed about. */
  readonly #due = new Due();

  constructor(term: Term) {
    this.#term = term;
  }

  begin(): void {
    const { image } = this.#term;
    for (const topicId of image.topicIds()) for (const view of image.partitionsOf(topicId)) this.#see(view);
  }

  notice({ brokers, partitions }: Delta): void {
    for (const { before, now } of partitions) {
      if (now !== undefined) this.#see(now);
      else this.#forget(before as PartitionView);
    }
    for (const { before, now } of brokers) {
      if (this.#running.size === 0 || now === undefined || (before !== undefined && isSameStanding(before, now)))
        continue;
      // One that may lead when the others go.
      for (const view of this.#term.image.keptBy(now.id)) if (this.#running.has(view)) this.#due.add(view);
    }
  }

  #see(view: PartitionView): void {
    if (!isReassigning(view.state)) return this.#forget(view);
    this.#running.add(view);
    this.#due.add(view);
  }

  #forget(view: PartitionView): void {
    this.#running.delete(view);
    this.#due.delete(view);
  }

  next(): Step | undefined {
    const { image } = this.#term;
    const changes: PartitionChange[] = [];
    for (const before of this.#due.take(image)) {
      if (!isInUse(image, before)) continue;
      const reassigned = completeReassignment(before.state, stayingOf(image, before, before.state.replicas));
      if (reassigned.outcome !== "changed") continue;
      changes.push({ before, state: reassigned.state });
      if (changes.length === STEP_PARTITIONS_MAX) break;
    }
    if (changes.length === 0) return undefined;
    return { what: `${changes.length} reassignments are complete`, partitions: changes };
  }

  refused(changes: readonly PartitionChange[]): void {
    for (const { before } of changes) this.#due.add(before);
  }
}
