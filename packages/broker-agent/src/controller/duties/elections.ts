/**
 * The first duty: every partition with a live in-sync replica has a leader that lives, and nobody counts as in sync who does not. Nor who has been
 * away: whoever writes a state makes sure that all whom it calls in sync are registered, so one that is older than somebody's registration meant an
 * earlier life of his, and one that is newer did not.
 *
 * Brokers that went, came, came back as another life, were fenced, or lost a disk: only their partitions are looked at, and those that
 * change. Everything is looked at once, when a term begins.
 */
import type { BrokerView, Changed, ConfigView, Delta, PartitionView } from "../../image/views.ts";
import { settingOf } from "../../config/settings.ts";
import { electLeader } from "../../partition/election.ts";
import { type PartitionState, withoutBrokers } from "../../partition/state.ts";
import { Due } from "../due.ts";
import type { Duty, PartitionChange, Step, Term } from "../duty.ts";
import { isInUse, isLive, isSameStanding, standingOf } from "../standing.ts";

/** Partitions of one step; what is more waits for the next one, which takes in what happened meanwhile. */
const STEP_PARTITIONS_MAX = 10_000;
const UNCLEAN = "unclean.leader.election.enable";

export function elections(term: Term): Duty {
  return new Elections(term);
}

class Elections implements Duty {
  readonly name = "elections";
  readonly #term: Term;
  readonly #due = new Due();
  /** Those that nobody leads: what a change of settings may help. */
  readonly #leaderless = new Due();

  constructor(term: Term) {
    this.#term = term;
  }

  begin(): void {
    const { image } = this.#term;
    for (const topicId of image.topicIds()) {
      for (const view of image.partitionsOf(topicId)) {
        if (view.state.leader === null) this.#leaderless.add(view);
        if (!this.#isWell(view)) this.#due.add(view);
      }
    }
  }

  notice({ brokers, topics, partitions, configs }: Delta): void {
    for (const { before, now } of topics) {
      if (now === undefined || before?.id === now.id) continue;
      // What was restored was there before its topic, and nobody's business.
      for (const view of this.#term.image.partitionsOf(now.id)) this.#due.add(view);
    }
    for (const change of brokers) this.#noticeBroker(change);
    for (const { before, now } of partitions) {
      if (now === undefined) this.#forget(before as PartitionView);
      else {
        this.#due.add(now);
        if (now.state.leader === null) this.#leaderless.add(now);
        else this.#leaderless.delete(now);
      }
    }
    for (const change of configs) this.#noticeConfig(change);
  }

  #noticeBroker({ before, now }: Changed<BrokerView>): void {
    if (before !== undefined && now !== undefined && isSameStanding(before, now)) return;
    const id = (now ?? before)?.id as number;
    for (const view of this.#term.image.keptBy(id)) {
      if (view.state.leader === id) this.#due.addUrgent(view);
      else this.#due.add(view);
    }
  }

  #noticeConfig({ before, now }: Changed<ConfigView>): void {
    if (before?.values[UNCLEAN] === now?.values[UNCLEAN]) return;
    for (const view of this.#leaderless.views(this.#term.image)) this.#due.add(view);
  }

  #forget(view: PartitionView): void {
    this.#due.delete(view);
    this.#leaderless.delete(view);
  }

  next(): Step | undefined {
    const changes: PartitionChange[] = [];
    let elected = 0;
    for (const before of this.#due.take(this.#term.image)) {
      const state = this.#judge(before);
      if (state === undefined) continue;
      if (state.leader !== before.state.leader) elected += 1;
      changes.push({ before, state });
      if (changes.length === STEP_PARTITIONS_MAX) break;
    }
    if (changes.length === 0) return undefined;
    const what = `election of ${elected} leaders, ${changes.length - elected} other changes of in-sync replicas`;
    return { what, partitions: changes };
  }

  refused(changes: readonly PartitionChange[]): void {
    for (const { before } of changes) this.#due.add(before);
  }

  /** A leader that lives, and nobody in sync who does not: by far the most. */
  #isWell(view: PartitionView): boolean {
    const { leader, isr } = view.state;
    return leader !== null && isr.every((id) => isLive(this.#term.image, id, view) && !this.#isOlderThan(view, id));
  }

  /** Was it written before this broker registered? Then whoever it calls leader, or in sync, is an earlier life of that broker. */
  #isOlderThan({ mzxid }: PartitionView, id: number): boolean {
    const broker = this.#term.image.broker(id);
    return broker !== undefined && broker.epoch > mzxid;
  }

  /** What it ought to be; undefined: as it is. */
  #judge(view: PartitionView): PartitionState | undefined {
    const { image } = this.#term;
    const { state } = view;
    if (!isInUse(image, view)) return undefined;
    const { live, leaving } = standingOf(image, view, state.replicas);
    const gone = new Set(state.replicas.filter((id) => !live.has(id) || this.#isOlderThan(view, id)));
    if (state.leader !== null && !gone.has(state.leader)) return changed(state, withoutBrokers(state, gone));

    const orphan = { ...state, leader: null };
    const sure = new Set([...live].filter((id) => !gone.has(id)));
    // One that never went away before one that is back, and that may have lost the end of its log.
    const clean = electLeader(orphan, "offline", sure, leaving);
    // Where a controller found nobody to lead, those in sync are only the last ones known, however young the state is. (One that was restored
    // has never been written since: that says what people know.)
    const isLastKnown = state.leader === null && view.version > 0;
    if (clean.outcome === "elected") return isLastKnown ? alone(clean.state) : clean.state;
    const unclean = this.#mayBeUnclean(view);
    const any = electLeader(orphan, "offline", live, leaving, { unclean });
    if (any.outcome === "elected") return alone(any.state);
    return changed(state, withoutBrokers(state, gone));
  }

  #mayBeUnclean({ topicId }: PartitionView): boolean {
    const { image } = this.#term;
    return settingOf(image, UNCLEAN, { topic: image.topicById(topicId)?.name }) === "true";
  }
}

/**
 * Who leads though it was away has what there is. What others have who were away too, nobody knows: they come into the in-sync replicas by its
 * word, and not by a state that is younger than their registrations, and would make leaders of them.
 */
function alone(state: PartitionState): PartitionState {
  return { ...state, isr: state.isr.filter((id) => id === state.leader) };
}

function changed(before: PartitionState, now: PartitionState): PartitionState | undefined {
  return now === before ? undefined : now;
}
