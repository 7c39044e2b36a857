/**
 * Brokers that want to leave: what they lead goes to others in sync, and they leave the in-sync replicas of what they follow, so that
 * nothing waits for them when they are gone. Kafka's controlled shutdown.
 *
 * Never takes a partition away from the last one that is in sync: it goes with its leader, and comes back with it.
 */
import type { Changed, BrokerView, Delta, PartitionView } from "../../image/views.ts";
import { electLeader } from "../../partition/election.ts";
import { type PartitionState, withIsr } from "../../partition/state.ts";
import { Due } from "../due.ts";
import type { Duty, PartitionChange, Step, Term } from "../duty.ts";
import { isInUse, isSameStanding, standingOf } from "../standing.ts";

/** Partitions of one step. */
const STEP_PARTITIONS_MAX = 10_000;

export function drain(term: Term): Duty {
  return new Drain(term);
}

class Drain implements Duty {
  readonly name = "drain";
  readonly #term: Term;
  readonly #draining = new Set<number>();
  /** Partitions of those, as far as something about them has changed. */
  readonly #due = new Due();

  constructor(term: Term) {
    this.#term = term;
  }

  begin(): void {
    for (const broker of this.#term.image.brokers()) this.#noticeBroker({ before: undefined, now: broker });
  }

  notice({ brokers, partitions }: Delta): void {
    for (const change of brokers) this.#noticeBroker(change);
    if (this.#draining.size === 0) return;
    for (const { now } of partitions) {
      if (now?.state.replicas.some((id) => this.#draining.has(id)) === true) this.#due.add(now);
    }
  }

  #noticeBroker({ before, now }: Changed<BrokerView>): void {
    if (before !== undefined && now !== undefined && isSameStanding(before, now)) return;
    const id = (before ?? now)?.id as number;
    if (now?.status === "draining") this.#draining.add(id);
    else this.#draining.delete(id);
    // Also of one that is back: it may be in sync, and may lead what another wants to leave.
    if (this.#draining.size === 0) return;
    for (const view of this.#term.image.keptBy(id)) {
      if (view.state.leader === id) this.#due.addUrgent(view);
      else this.#due.add(view);
    }
  }

  next(): Step | undefined {
    const changes: PartitionChange[] = [];
    for (const before of this.#due.take(this.#term.image)) {
      const state = this.#judge(before);
      if (state === undefined) continue;
      changes.push({ before, state });
      if (changes.length === STEP_PARTITIONS_MAX) break;
    }
    if (changes.length === 0) return undefined;
    return { what: `${changes.length} partitions leave brokers that drain`, partitions: changes };
  }

  refused(changes: readonly PartitionChange[]): void {
    for (const { before } of changes) this.#due.add(before);
  }

  #judge(view: PartitionView): PartitionState | undefined {
    const { image } = this.#term;
    const { state } = view;
    if (state.leader === null || !isInUse(image, view)) return undefined;
    const { live, leaving } = standingOf(image, view, state.replicas);
    if (leaving.has(state.leader)) {
      const election = electLeader(state, "controlled-shutdown", live, leaving);
      return election.outcome === "elected" ? election.state : undefined;
    }
    const isr = state.isr.filter((id) => !leaving.has(id));
    return isr.length < state.isr.length ? withIsr(state, isr) : undefined;
  }
}
