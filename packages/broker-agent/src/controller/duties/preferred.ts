/**
 * Leaderships go back to the preferred replicas by themselves: every so often, from brokers that lead too little of what prefers them.
 *
 * Looks at all partitions when it is time, and at nothing in between.
 */
import { settingOf } from "../../config/settings.ts";
import type { Delta, PartitionView } from "../../image/views.ts";
import { electLeader } from "../../partition/election.ts";
import { isReassigning } from "../../partition/state.ts";
import { preferredImbalance } from "../../placement/imbalance.ts";
import type { ClusterImage } from "../../image/cluster-image.ts";
import type { Duty, PartitionChange, Step, Term } from "../duty.ts";
import { isInUse, standingOf } from "../standing.ts";

/** Of one pass; what is more is the next one's, at once. */
export const PREFERRED_MAX = 1_000;
/** The first look of a term, milliseconds after its beginning. */
const FIRST_LOOK_MS = 5_000;

export function preferred(term: Term): Duty {
  return new Preferred(term);
}

class Preferred implements Duty {
  readonly name = "preferred";
  readonly #term: Term;
  /** By the monotonic clock. */
  #lookAtMs = 0;

  constructor(term: Term) {
    this.#term = term;
  }

  get againInMs(): number | undefined {
    return this.#isOn ? Math.max(0, this.#lookAtMs - this.#nowMs) : undefined;
  }

  get #isOn(): boolean {
    return settingOf(this.#term.image, "auto.leader.rebalance.enable") === "true";
  }

  get #nowMs(): number {
    return this.#term.client.clock.monotonicMs();
  }

  begin(): void {
    this.#lookAtMs = this.#nowMs + FIRST_LOOK_MS;
  }

  notice({ configs }: Delta): void {
    // A shorter interval counts from now on.
    if (configs.length > 0) this.#lookAtMs = Math.min(this.#lookAtMs, this.#nowMs + this.#intervalMs());
  }

  next(): Step | undefined {
    if (!this.#isOn || this.#nowMs < this.#lookAtMs) return undefined;
    const { image } = this.#term;
    const percentage = Number(settingOf(image, "leader.imbalance.per.broker.percentage"));
    const changes = preferredElections(image, overThreshold(image, percentage), PREFERRED_MAX);
    if (changes.length < PREFERRED_MAX) this.#lookAtMs = this.#nowMs + this.#intervalMs();
    if (changes.length === 0) return undefined;
    return { what: `${changes.length} leaderships go back to preferred replicas`, partitions: changes };
  }

  /** The next look is soon enough. */
  refused(): void {
    return;
  }

  #intervalMs(): number {
    return Number(settingOf(this.#term.image, "leader.imbalance.check.interval.seconds")) * 1_000;
  }
}

/** Brokers that lead elsewhere more than this share of what prefers them. */
function overThreshold(image: ClusterImage, percentage: number): (broker: number) => boolean {
  const states = function* (): Generator<PartitionView["state"], void, undefined> {
    for (const view of partitionsInUse(image)) yield view.state;
  };
  const imbalance = preferredImbalance(states());
  return (broker) => (imbalance.get(broker)?.share ?? 0) * 100 > percentage;
}

/**
 * Elections of the preferred replicas of such brokers, as far as they live, stay and are in sync. What is being reassigned is left alone:
 * who is preferred is about to change.
 */
export function preferredElections(
  image: ClusterImage,
  prefers: (broker: number) => boolean,
  atMost: number,
): PartitionChange[] {
  const changes: PartitionChange[] = [];
  for (const before of partitionsInUse(image)) {
    const { state } = before;
    const [first] = state.replicas as [number];
    if (state.leader === first || isReassigning(state) || !prefers(first)) continue;
    const { live, leaving } = standingOf(image, before, [first]);
    const election = electLeader(state, "preferred", live, leaving);
    if (election.outcome !== "elected") continue;
    changes.push({ before, state: election.state });
    if (changes.length === atMost) break;
  }
  return changes;
}

export function* partitionsInUse(image: ClusterImage): Generator<PartitionView, void, undefined> {
  for (const topicId of image.topicIds()) {
    for (const view of image.partitionsOf(topicId)) {
      if (!isInUse(image, view)) break;
      yield view;
    }
  }
}
