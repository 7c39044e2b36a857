/**
 * Claims that stand in the way: of members that are gone, and those that are not given back in time.
 *
 * A claim belongs to the life of its member that made it, and is older than every later life. Nobody's word is taken: what is deleted is
 * guarded by the claim's czxid and by what is said of the member, on the server.
 */
import { type Client, type Guard, isCorralError } from "@corral/client";
import type { CacheEntry, Leadership } from "@corral/recipes";
import { type GroupPaths, partitionAt } from "../../layout.ts";
import type { ClaimRecord } from "../../records.ts";
import { deleteClaims } from "../delete-claims.ts";
import { type GroupView, named } from "./view.ts";

interface Late {
  readonly member: string;
  readonly czxid: number;
  /** When it was first seen, by the leader's monotonic clock. */
  readonly sinceMs: number;
}

interface Orphan {
  readonly path: string;
  readonly czxid: number;
  /** Proves that no life of the member can have made this claim. */
  readonly proof: Guard;
}

/** A member that has had its time: its life, and one claim that it has kept. */
export interface Overdue {
  readonly member: string;
  readonly czxid: number;
  /** Holds as long as it has not given that claim back. */
  readonly proof: Guard;
}

export class ClaimsSeen {
  readonly #paths: GroupPaths;
  readonly #view: GroupView;
  /** By path: claims that another is to have. */
  readonly #late = new Map<string, Late>();
  #orphans: Orphan[] = [];

  constructor(paths: GroupPaths, view: GroupView) {
    this.#paths = paths;
    this.#view = view;
  }

  /** All claims anew: after each change of members and targets. The time of a claim that was late before goes on. */
  review(nowMs: number): void {
    const { own, members } = this.#view;
    const wanted = this.#wanted();
    const living = new Map(Array.from(named(members, this.#paths.members), ([id, { stat }]) => [id, stat.czxid]));
    const late = new Map<string, Late>();
    this.#orphans = [];
    for (const entry of own.entries()) {
      const at = partitionAt(this.#paths.own, entry.path);
      if (at === undefined || entry.value.alone === true) continue;
      const { path, value, stat } = entry;
      const life = living.get(value.member);
      if (life === undefined || life > stat.czxid) {
        this.#orphans.push(this.#orphan(entry, life));
        continue;
      }
      const aim = wanted.get(at.topic)?.get(at.partition);
      if (aim === undefined || aim === value.member) continue;
      const before = this.#late.get(path);
      const sinceMs = before?.czxid === stat.czxid ? before.sinceMs : nowMs;
      late.set(path, { member: value.member, czxid: stat.czxid, sinceMs });
    }
    this.#late.clear();
    for (const [path, one] of late) this.#late.set(path, one);
  }

  /** Of a claim that has come or gone since. */
  changed(entry: CacheEntry<ClaimRecord> | undefined, path: string): void {
    this.#late.delete(path);
    if (entry === undefined || entry.value.alone === true || partitionAt(this.#paths.own, path) === undefined) return;
    const life = this.#view.members.get(this.#paths.member(entry.value.member))?.stat.czxid;
    if (life === undefined || life > entry.stat.czxid) this.#orphans.push(this.#orphan(entry, life));
  }

  get hasOrphans(): boolean {
    return this.#orphans.length > 0;
  }

  #orphan({ path, value, stat }: CacheEntry<ClaimRecord>, life: number | undefined): Orphan {
    const member = this.#paths.member(value.member);
    const proof = life === undefined ? { path: member, absent: true as const } : { path: member, czxid: life };
    return { path, czxid: stat.czxid, proof };
  }

  /** By topic and partition, the member that is to have it. */
  #wanted(): Map<string, Map<number, string>> {
    const wanted = new Map<string, Map<number, string>>();
    for (const [member, { value }] of named(this.#view.targets, this.#paths.targets)) {
      for (const [topic, numbers] of Object.entries(value.partitions)) {
        let ofTopic = wanted.get(topic);
        if (ofTopic === undefined) wanted.set(topic, (ofTopic = new Map()));
        for (const number of numbers) ofTopic.set(number, member);
      }
    }
    return wanted;
  }

  /** Members that have kept for their whole rebalance timeout what another is to have. */
  overdue(nowMs: number): readonly Overdue[] {
    const found = new Map<string, Overdue>();
    for (const [path, late] of this.#late) {
      const life = this.#view.members.get(this.#paths.member(late.member))?.stat;
      if (life === undefined || nowMs < this.#dueMs(late)) continue;
      found.set(late.member, { member: late.member, czxid: life.czxid, proof: { path, czxid: late.czxid } });
    }
    return [...found.values()];
  }

  /** When the next one will be overdue. Infinity if none is late. */
  nextDueMs(): number {
    let next = Infinity;
    for (const late of this.#late.values()) next = Math.min(next, this.#dueMs(late));
    return next;
  }

  /** Infinity for a member that is gone, or has not said how long it may take. */
  #dueMs({ member, sinceMs }: Late): number {
    const timeoutMs = this.#view.members.get(this.#paths.member(member))?.value.rebalanceTimeoutMs;
    return typeof timeoutMs === "number" ? sinceMs + timeoutMs : Infinity;
  }

  /** Deletes the claims that no living member has made. */
  async reap(client: Client, leadership: Leadership, signal: AbortSignal): Promise<void> {
    const byProof = new Map<string, Orphan[]>();
    for (const orphan of this.#orphans) {
      const key = JSON.stringify(orphan.proof);
      byProof.set(key, [...(byProof.get(key) ?? []), orphan]);
    }
    this.#orphans = [];
    for (const orphans of byProof.values()) {
      const { proof } = orphans[0]!;
      try {
        await deleteClaims(client, orphans, [leadership.guard, proof], () => ({ signal, timeoutMs: Infinity }));
      } catch (error) {
        // The member has begun another life: looked at again when that is told.
        if (!isCorralError(error, "GUARD_FAILED", "NO_NODE") || error.path !== proof.path) throw error;
      }
    }
  }
}
