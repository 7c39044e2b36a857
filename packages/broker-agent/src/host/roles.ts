/**
 * What a broker is to each partition that it keeps: leader, follower, or nothing any more. The host is told what differs from what it was told
 * before, transaction by transaction.
 *
 * What ought to be is a function of the image and of the present life; nothing else is remembered but what was told. In no life it leads nothing,
 * and is told of nothing new. It leads by a state that was written in its present life only: an older one made leader who it was before, and
 * what that one had appended may be gone.
 */
import { CorralError } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Delta, PartitionView } from "../image/views.ts";
import { partitionKey } from "../layout.ts";
import type { PartitionId } from "./api.ts";
import { areSame, Follower } from "./following.ts";
import type { HostCalls } from "./host-calls.ts";
import { Leader } from "./leading.ts";
import type { Tenure } from "./tenure.ts";

/** A partition that the host keeps, as far as it was told. */
interface Kept {
  readonly id: PartitionId;
  /** Undefined: it has ended with its life. */
  role: Leader | Follower | undefined;
}

export interface RolesWorld {
  readonly broker: number;
  readonly image: ClusterImage;
  readonly calls: HostCalls;
}

export class Roles {
  readonly #world: RolesWorld;
  /** By `<topicId>/<n>`. */
  readonly #kept = new Map<string, Kept>();
  readonly #led = new Map<string, Leader>();
  /** Undefined: it is not registered. */
  #tenure: Tenure | undefined;
  #lastEnd = 0;
  /** Leaderships that ended. */
  #endings = 0;

  /** `onDisk`: told of in an earlier process. */
  constructor(world: RolesWorld, onDisk: readonly PartitionId[]) {
    this.#world = world;
    for (const id of onDisk) this.#kept.set(partitionKey(id), { id, role: undefined });
  }

  leading(topicId: string, partition: number): Leader | undefined {
    return this.#led.get(partitionKey({ topicId, partition }));
  }

  led(): IterableIterator<Leader> {
    return this.#led.values();
  }

  get ledCount(): number {
    return this.#led.size;
  }

  /** The zxid at which a leadership of this broker ended last; 0 if none did. */
  get lastEnd(): number {
    return this.#lastEnd;
  }

  // ---- lives ------------------------------------------------------------------------------------------------------------

  /** It is registered: of everything that it keeps the host is told anew. */
  begin(tenure: Tenure): void {
    this.#tenure = tenure;
    const { image, broker } = this.#world;
    for (const [key, { id }] of [...this.#kept]) this.#settle(key, id.topicId, id.partition);
    for (const { topicId, partition } of [...image.keptBy(broker)]) this.#look(topicId, partition);
  }

  /** It is registered no more: everything ends, nothing is dropped. The host is told that once, by whoever calls this. */
  end(why: CorralError): void {
    this.#tenure = undefined;
    for (const [key, kept] of this.#kept) {
      this.#endRole(key, kept, why);
    }
  }

  /** It leaves: the host is told so of everything that it keeps. */
  leave(why: CorralError): void {
    this.end(why);
    for (const { id } of this.#kept.values()) this.#stop(id, false);
    this.#kept.clear();
  }

  // ---- transactions -----------------------------------------------------------------------------------------------------

  /** What this transaction makes of it. */
  apply({ partitions, topics, brokers, zxid }: Delta): void {
    if (this.#tenure === undefined) return;
    const before = this.#endings;
    for (const { before: was, now } of partitions) {
      const view = now ?? was;
      if (view !== undefined && (this.#isKept(was) || this.#isKept(now))) this.#look(view.topicId, view.partition);
    }
    for (const { before: was, now } of topics) {
      for (const id of new Set([was?.id, now?.id])) if (id !== undefined) this.#lookAtTopic(id);
    }
    const moved = brokers.filter(({ before: was, now }) => !areSame(was?.endpoints, now?.endpoints));
    if (moved.length > 0) this.#lookAtFollowed(new Set(moved.map(({ before: was, now }) => (now ?? was)?.id)));
    if (this.#endings > before) this.#lastEnd = zxid;
  }

  #isKept(view: PartitionView | undefined): boolean {
    return view?.state.replicas.includes(this.#world.broker) ?? false;
  }

  #lookAtTopic(topicId: string): void {
    const { image, broker } = this.#world;
    for (const { partition, state } of [...image.partitionsOf(topicId)]) {
      if (state.replicas.includes(broker)) this.#look(topicId, partition);
    }
  }

  #lookAtFollowed(leaders: ReadonlySet<number | undefined>): void {
    for (const [key, { id, role }] of [...this.#kept]) {
      if (role instanceof Follower && leaders.has(role.leader)) this.#settle(key, id.topicId, id.partition);
    }
  }

  #look(topicId: string, partition: number): void {
    this.#settle(partitionKey({ topicId, partition }), topicId, partition);
  }

  // ---- one partition ----------------------------------------------------------------------------------------------------

  /** From what the host was told to what ought to be. */
  #settle(key: string, topicId: string, partition: number): void {
    const { image, broker } = this.#world;
    const kept = this.#kept.get(key);
    const topic = image.topicById(topicId);
    const view = image.partition(topicId, partition);
    // A topic goes after its partitions: what is missing or cannot be read while the other is there was not deleted, and nobody may lose its data.
    const isUnknown =
      view === undefined ? image.unreadable().has(image.paths.partition(topicId, partition)) : topic === undefined;
    if (isUnknown) {
      if (kept !== undefined) this.#replaceRole(key, kept);
      return;
    }
    if (
      view === undefined ||
      topic === undefined ||
      topic.state === "deleting" ||
      !view.state.replicas.includes(broker)
    ) {
      if (kept !== undefined) this.#drop(key, kept);
      return;
    }
    // One that is still being made is not told of.
    if (topic.state === "creating" || partition >= topic.partitions) return;
    this.#keep(key, kept ?? { id: { topic: topic.name, topicId, partition }, role: undefined }, view);
  }

  #keep(key: string, kept: Kept, view: PartitionView): void {
    const tenure = this.#tenure;
    if (tenure === undefined) return;
    this.#kept.set(key, kept);
    const { image, broker, calls } = this.#world;
    const { state } = view;
    const { role, id } = kept;
    if (state.leader === broker && view.mzxid > tenure.life.epoch) {
      if (role instanceof Leader && role.leaderEpoch === state.leaderEpoch) return role.update(view);
      this.#replaceRole(key, kept);
      const leader = new Leader(id, view, tenure.leaderWorld(id));
      kept.role = leader;
      this.#led.set(key, leader);
      return calls.call(`lead ${nameOf(id)}`, (host) => {
        host.lead(leader);
      });
    }
    const leader = state.leader === null || state.leader === broker ? undefined : state.leader;
    const endpoints = leader === undefined ? undefined : image.broker(leader)?.endpoints;
    if (role instanceof Follower && role.is(state, leader, endpoints)) return role.update(state);
    this.#replaceRole(key, kept);
    const follower = new Follower(id, state, leader, endpoints);
    kept.role = follower;
    calls.call(`follow ${nameOf(id)}`, (host) => {
      host.follow(follower);
    });
  }

  #drop(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#replaceRole(key, kept);
    this.#stop(kept.id, true);
  }

  #stop(id: PartitionId, deleteData: boolean): void {
    this.#world.calls.call(`stop ${nameOf(id)}`, (host) => {
      host.stop(id, { deleteData });
    });
  }

  #replaceRole(key: string, kept: Kept): void {
    // An error knows where it was made, which takes longer than all the rest: only if there is somebody to be told.
    if (kept.role !== undefined) this.#endRole(key, kept, superseded(kept.id));
  }

  #endRole(key: string, kept: Kept, why: CorralError): void {
    if (this.#led.delete(key)) this.#endings += 1;
    kept.role?.end(why);
    kept.role = undefined;
  }
}

function nameOf({ topic, partition }: PartitionId): string {
  return `${topic}-${partition}`;
}

function superseded(id: PartitionId): CorralError {
  const detail = { path: nameOf(id) };
  return new CorralError("GUARD_FAILED", {
    op: "role",
    detail,
    outcome: "no",
    means: "this broker has another part now",
  });
}
