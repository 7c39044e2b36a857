/**
 * The policy of `auto.partition.rebalance.enable`: when a broker comes, or the setting is switched on, replicas move until all brokers carry
 * the same within one, so many partitions at a time, and as little as possible; then leaderships go to the preferred replicas.
 *
 * Never begins while a broker that keeps replicas is away, fenced or draining: it may come back, and its replicas are where they are. Never
 * replaces a reassignment that somebody began. What it had in mind is found again by whoever is controller next.
 */
import { settingOf } from "../../config/settings.ts";
import type { Delta, PartitionView } from "../../image/views.ts";
import { startReassignment } from "../../partition/reassignment.ts";
import { partitionKey } from "../../layout.ts";
import { isReassigning, targetOf } from "../../partition/state.ts";
import { levelLeaders } from "../../placement/level-leaders.ts";
import { planMinimalMoves } from "../../placement/minimal-moves.ts";
import { PARTITIONS_MAX, type PlacementBroker } from "../../placement/replicas.ts";
import { Due } from "../due.ts";
import type { Duty, PartitionChange, Step, Term } from "../duty.ts";
import { isInUse, stayingOf } from "../standing.ts";
import { PREFERRED_MAX, partitionsInUse, preferredElections } from "./preferred.ts";

/** Partitions of one step. */
const STEP_PARTITIONS_MAX = 10_000;

/** One partition's part of the plan. */
interface Move {
  readonly topicId: string;
  readonly partition: number;
  readonly from: readonly number[];
  readonly to: readonly number[];
}

export function rebalance(term: Term): Duty {
  return new Rebalance(term);
}

class Rebalance implements Duty {
  readonly name = "rebalance";
  readonly #term: Term;
  readonly #running = new Due();
  /** There may be something to level out. */
  #isDue = true;
  #wasOn = false;
  /** What is left of the plan, by partition, what moves no replica first; undefined: there is none. */
  #plan: Map<string, Move> | undefined;
  /** Of the last step. */
  #asked = new Map<string, Move>();

  constructor(term: Term) {
    this.#term = term;
  }

  get #isOn(): boolean {
    return settingOf(this.#term.image, "auto.partition.rebalance.enable") === "true";
  }

  begin(): void {
    this.#wasOn = this.#isOn;
    const { image } = this.#term;
    for (const topicId of image.topicIds()) for (const view of image.partitionsOf(topicId)) this.#see(view);
  }

  notice({ brokers, partitions, configs }: Delta): void {
    for (const { before, now } of partitions) {
      if (now !== undefined) this.#see(now);
      else this.#running.delete(before as PartitionView);
    }
    for (const { before, now } of brokers) {
      const isComing = now?.status === "active" && (before?.status !== "active" || before.epoch !== now.epoch);
      const isLeaving = before?.status === "active" && now?.status !== "active";
      if (isComing) this.#isDue = true;
      // The plan was for others.
      if (isComing || isLeaving) this.#plan = undefined;
    }
    if (configs.length === 0) return;
    const isOn = this.#isOn;
    if (isOn && !this.#wasOn) this.#isDue = true;
    if (!isOn) this.#plan = undefined;
    this.#wasOn = isOn;
  }

  #see(view: PartitionView): void {
    if (isReassigning(view.state)) this.#running.add(view);
    else this.#running.delete(view);
  }

  next(): Step | undefined {
    this.#asked = new Map();
    if (!this.#isDue || !this.#wasOn) return undefined;
    const brokers = this.#brokers();
    if (brokers === undefined) return undefined;
    if (this.#plan === undefined) {
      if (this.#running.size > 0) return undefined;
      this.#plan = this.#planFor(brokers);
    }
    const moves = this.#moves(this.#plan);
    if (moves.length > 0) return { what: `${moves.length} partitions move to level brokers out`, partitions: moves };
    if (this.#plan.size > 0 || this.#running.size > 0) return undefined;
    const elections = preferredElections(this.#term.image, () => true, PREFERRED_MAX);
    if (elections.length > 0) {
      return { what: `${elections.length} leaderships go to preferred replicas`, partitions: elections };
    }
    this.#plan = undefined;
    this.#isDue = false;
    return undefined;
  }

  refused(changes: readonly PartitionChange[]): void {
    for (const { before } of changes) {
      const move = this.#asked.get(partitionKey(before));
      if (move !== undefined) this.#plan?.set(partitionKey(before), move);
    }
  }

  /** All that are active; undefined while one that keeps replicas is not. */
  #brokers(): PlacementBroker[] | undefined {
    const { image } = this.#term;
    for (const id of image.keepers()) if (image.broker(id)?.status !== "active") return undefined;
    const active = [...image.brokers()].filter(({ status }) => status === "active");
    return active.map(({ id, rack }) => ({ id, rack: rack ?? undefined }));
  }

  /** Empty beyond PARTITIONS_MAX: more are never planned for at once. */
  #planFor(brokers: readonly PlacementBroker[]): Map<string, Move> {
    const plan = new Map<string, Move>();
    const views = [...partitionsInUse(this.#term.image)];
    if (views.length > PARTITIONS_MAX || brokers.length === 0) return plan;
    const now = views.map(({ state }) => targetOf(state));
    const { partitions } = levelLeaders(planMinimalMoves(now, brokers, "safe").partitions);
    const planned: Move[] = [];
    for (const [at, view] of views.entries()) {
      const [from, to] = [now[at] as readonly number[], partitions[at] as readonly number[]];
      const { topicId, partition } = view;
      if (!isSameOrder(from, to)) planned.push({ topicId, partition, from, to });
    }
    for (const move of planned) if (!movesReplicas(move)) plan.set(partitionKey(move), move);
    for (const move of planned) plan.set(partitionKey(move), move);
    return plan;
  }

  /** What may begin now, taken out of the plan. */
  #moves(plan: Map<string, Move>): PartitionChange[] {
    const { image } = this.#term;
    const atOnce = Number(settingOf(image, "auto.partition.rebalance.moves.max"));
    let room = atOnce - this.#running.size;
    const changes: PartitionChange[] = [];
    for (const [key, move] of plan) {
      const moves = movesReplicas(move);
      if (moves && room <= 0) break;
      plan.delete(key);
      const before = image.partition(move.topicId, move.partition);
      // Somebody else has other plans with it, or it is no more: it is left to them.
      if (before === undefined || !isInUse(image, before) || !isAsPlanned(before, move)) continue;
      const started = startReassignment(before.state, move.to, stayingOf(image, before, move.to));
      if (started.outcome !== "changed") continue;
      if (moves) room -= 1;
      this.#asked.set(key, move);
      changes.push({ before, state: started.state });
      if (changes.length === STEP_PARTITIONS_MAX) break;
    }
    return changes;
  }
}

function movesReplicas({ from, to }: Move): boolean {
  return to.some((id) => !from.includes(id));
}

function isAsPlanned({ state }: PartitionView, { from }: Move): boolean {
  return !isReassigning(state) && isSameOrder(state.replicas, from);
}

function isSameOrder(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}
