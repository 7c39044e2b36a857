/**
 * Makes what topics promise, and takes away what was deleted, as many partitions at a time as one transaction has room for. What is to be
 * done stands in the topics' records, what has been done is there: so any controller goes on where the one before stopped.
 *
 * A topic or its growth becomes visible in the transaction that makes the last partition. Of a deleted one the partitions go first, then what
 * is kept under its name, and the name itself last: until then nobody can make another of that name.
 */
import { type CorralError, isCorralError, op, type Operation } from "@corral/client";
import { entityName } from "../../config/entity.ts";
import { newPartition, promisedReplicas } from "../../admin/placement.ts";
import { EFFECTS_MAX } from "../../admin/operation.ts";
import { activeBrokers } from "../../admin/active.ts";
import type { Delta, TopicView } from "../../image/views.ts";
import type { PartitionState } from "../../partition/state.ts";
import { partitionCodec, topicCodec, type TopicRecord } from "../../records.ts";
import {
  type Duty,
  type MakeDuty,
  type PartitionChange,
  type Step,
  type Term,
  TRANSACTION_BYTES_MAX,
} from "../duty.ts";
import { registrationsOf } from "../standing.ts";

/** A topic that cannot be gone on with is left alone for so long, milliseconds, and the others come first. */
const ASIDE_MS = 30_000;
/** Conflicts of one topic in a row after which that is done. Fewer than end a term. */
const CONFLICTS_MAX = 5;

export const topicsDuty: MakeDuty = (term) => new Topics(term);

/** What is known of a record as long as it is the same. */
interface Promised {
  readonly replicas: readonly (readonly number[])[];
  /** All before this one are in the image. */
  made: number;
}

const UNTRIED = { topic: "", conflicts: 0, hasNoParent: false };

class Topics implements Duty {
  readonly name = "topics";
  readonly #term: Term;
  /** Names of topics with something to do, in the order in which they came. */
  readonly #due = new Set<string>();
  /** Those that are left alone, and until when, by the monotonic clock. */
  readonly #aside = new Map<string, number>();
  readonly #promised = new WeakMap<TopicView, Promised>();
  /** How it went with the one that was tried last, since it went well. */
  #tried = UNTRIED;
  #wasRefused = false;

  constructor(term: Term) {
    this.#term = term;
  }

  begin(): void {
    for (const topic of this.#term.image.topics()) this.#look(topic);
  }

  notice({ topics }: Delta): void {
    for (const { before, now } of topics) {
      if (before !== undefined && before.name !== now?.name) this.#forget(before.name);
      if (now !== undefined) this.#look(now);
    }
  }

  next(): Step | undefined {
    if (!this.#wasRefused) this.#tried = UNTRIED;
    this.#wasRefused = false;
    const now = this.#term.client.clock.monotonicMs();
    for (const [name, untilMs] of this.#aside) {
      if (untilMs > now) continue;
      this.#aside.delete(name);
      this.#due.add(name);
    }
    for (const name of this.#due) {
      const topic = this.#term.image.topic(name);
      if (topic !== undefined && isUnfinished(topic)) {
        if (this.#tried.topic !== name) this.#tried = { ...UNTRIED, topic: name };
        const step = topic.state === "deleting" ? this.#takeAway(topic) : this.#make(topic);
        if (step !== undefined) return step;
        this.#setAside(name);
      } else this.#due.delete(name);
    }
    return undefined;
  }

  refused(_changes: readonly PartitionChange[], together?: CorralError): void {
    const { topic, conflicts, hasNoParent } = this.#tried;
    if (together === undefined || topic === "") return;
    this.#wasRefused = true;
    const { image } = this.#term;
    const id = image.topic(topic)?.id;
    // Somebody took it away by hand.
    const isParentGone =
      id !== undefined && isCorralError(together, "NO_NODE") && together.path === image.paths.partitionsOf(id);
    this.#tried = { topic, conflicts: conflicts + 1, hasNoParent: hasNoParent || isParentGone };
    if (this.#tried.conflicts >= CONFLICTS_MAX) this.#setAside(topic);
  }

  get againInMs(): number | undefined {
    if (this.#aside.size === 0) return undefined;
    return Math.max(0, Math.min(...this.#aside.values()) - this.#term.client.clock.monotonicMs());
  }

  #look(topic: TopicView): void {
    // Whatever it was left alone for may be mended.
    this.#forget(topic.name);
    if (isUnfinished(topic)) this.#due.add(topic.name);
  }

  #forget(name: string): void {
    this.#due.delete(name);
    this.#aside.delete(name);
  }

  #setAside(name: string): void {
    this.#due.delete(name);
    this.#aside.set(name, this.#term.client.clock.monotonicMs() + ASIDE_MS);
  }

  /** Undefined: its record promises what cannot be. No controller writes that; the topic stays as it is until somebody mends or deletes it. */
  #make(topic: TopicView): Step | undefined {
    const { image } = this.#term;
    const promised = this.#promisedBy(topic);
    if (promised === undefined) return undefined;
    const { ids } = activeBrokers(image);
    const states: PartitionState[] = [];
    const creates: Operation<unknown>[] = [];
    let bytes = 0;
    let at = promised.made;
    for (; at < promised.replicas.length && creates.length < EFFECTS_MAX; at += 1) {
      if (bytes > TRANSACTION_BYTES_MAX) break;
      const partition = topic.partitions + at;
      if (image.partition(topic.id, partition) !== undefined) {
        if (creates.length === 0) promised.made = at + 1;
        continue;
      }
      const state = newPartition(promised.replicas[at]!, ids);
      const path = image.paths.partition(topic.id, partition);
      creates.push(op.create(path, state, { codec: partitionCodec, parents: true }));
      states.push(state);
      bytes += partitionCodec.encode(state)?.length ?? 0;
    }
    const guards = [...registrationsOf(image, states).values()];
    const what = `${creates.length} partitions of topic ${topic.name}`;
    if (at < promised.replicas.length) return { what, together: creates, guards };
    const record = recordOf(topic, {
      state: "live",
      partitions: topic.partitions + promised.replicas.length,
      growth: null,
    });
    const ending = op.set(image.paths.topic(topic.name), record, {
      codec: topicCodec,
      ifMatch: { version: topic.version },
    });
    return { what, together: [...creates, ending], guards };
  }

  #promisedBy(topic: TopicView): Promised | undefined {
    const known = this.#promised.get(topic);
    if (known !== undefined) return known;
    try {
      const promised = { replicas: promisedReplicas(topic), made: 0 };
      this.#promised.set(topic, promised);
      return promised;
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  #takeAway({ name, id, version }: TopicView): Step {
    const { image } = this.#term;
    const { paths } = image;
    // What cannot be read goes too; of what could be read once, the image has both.
    const doomed = new Set<string>();
    for (const { partition } of image.partitionsOf(id)) {
      doomed.add(paths.partition(id, partition));
      if (doomed.size > EFFECTS_MAX) break;
    }
    const below = `${paths.partitionsOf(id)}/`;
    for (const path of image.unreadable().keys()) if (path.startsWith(below)) doomed.add(path);
    const together: Operation<unknown>[] = [...doomed].slice(0, EFFECTS_MAX).map((path) => op.delete(path));
    if (doomed.size > EFFECTS_MAX) return { what: `${EFFECTS_MAX} partitions less of topic ${name}`, together };
    if (!this.#tried.hasNoParent) together.push(op.delete(paths.partitionsOf(id)));
    const entity = entityName({ type: "topics", name });
    if (image.config("topics", entity) !== undefined) together.push(op.delete(paths.configOf("topics", entity)));
    together.push(op.delete(paths.topic(name), { ifMatch: { version } }));
    return { what: `the end of topic ${name}`, together };
  }
}

function isUnfinished({ state, growth }: TopicRecord): boolean {
  return state !== "live" || growth !== null;
}

function recordOf(topic: TopicView, change: Pick<TopicRecord, "state" | "partitions" | "growth">): TopicRecord {
  const { name, id, replicationFactor } = topic;
  return { name, id, replicationFactor, ...change };
}
