/**
 * One term of a group's leader: says who is to consume what, fences members that do not give back, clears away what members have left behind.
 *
 * Nothing rests on it: who owns a partition is decided by claims. Each of its writes is guarded by its term, so a leader that is none any more
 * changes nothing. It keeps nothing that is not in the tree, but the times since when claims are late.
 */
import { type Client, isCorralError } from "@corral/client";
import type { CacheChange, Leadership } from "@corral/recipes";
import { pause, unseen } from "@corral/recipes/authoring";
import type { Assignor, Topic } from "../../assignor.ts";
import { cooperativeSticky } from "../../assignors/cooperative-sticky.ts";
import { range } from "../../assignors/range.ts";
import { roundRobin } from "../../assignors/round-robin.ts";
import { sticky } from "../../assignors/sticky.ts";
import { partitionAt } from "../../layout.ts";
import type { ClaimRecord, MemberRecord } from "../../records.ts";
import type { Settings } from "../options.ts";
import { Agenda } from "./agenda.ts";
import { ClaimsSeen } from "./claims-seen.ts";
import { type ClaimSeen, divide, type Division, type LiveMember } from "./division.ts";
import { type Away, Grace } from "./grace.ts";
import { writeTargets } from "./targets.ts";
import { followTopics } from "./topics.ts";
import { type GroupView, named, openView } from "./view.ts";

/** Duties are done at least so often, milliseconds. */
const DUTY_INTERVAL_MS = 60_000;
/** A leader that knows none of the assignors which the members want gives way to another, after so long: milliseconds. */
export const GIVE_WAY_MS = 1_000;
/** A leader to which this happens in a row gives way, too: it may have lost sight of the group. */
const FAILURES_MAX = 10;
/** What every leader can do, whatever it was told. */
const BUILT_IN: readonly Assignor[] = [cooperativeSticky, sticky, range, roundRobin];

export class GroupLeader {
  readonly #client: Client;
  readonly #settings: Settings;
  readonly #leadership: Leadership;
  /** Aborted when the term is over, or the work of it. */
  readonly #over: AbortController;
  readonly #signal: AbortSignal;
  readonly #view: GroupView;
  readonly #agenda: Agenda;
  readonly #claims: ClaimsSeen;
  readonly #grace: Grace;
  readonly #assignors: readonly Assignor[];
  #topics: readonly Topic[] | undefined;
  #away: Away = { members: new Set(), nextDueMs: Infinity, over: [] };
  #dutyDueMs = 0;
  /** Is a write of targets under way? What is told of them then is its own. */
  #isWriting = false;
  #givesWay = false;
  /** Has it done everything that there was to do? Those who wait for that stand below. */
  #isIdle = false;
  readonly #idle: (() => void)[] = [];

  /** Sees the group first. The signal aborts when it has to stop. */
  static async begin(
    client: Client,
    settings: Settings,
    leadership: Leadership,
    signal: AbortSignal,
  ): Promise<GroupLeader> {
    const over = new AbortController();
    const stop = (): void => over.abort();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    const view = await openView(client, settings.paths, over.signal);
    return new GroupLeader(client, settings, leadership, over, view);
  }

  private constructor(
    client: Client,
    settings: Settings,
    leadership: Leadership,
    over: AbortController,
    view: GroupView,
  ) {
    this.#client = client;
    this.#settings = settings;
    this.#leadership = leadership;
    this.#over = over;
    this.#signal = over.signal;
    this.#view = view;
    this.#agenda = new Agenda(client, settings.debounceMs);
    this.#claims = new ClaimsSeen(settings.paths, view);
    this.#grace = new Grace(client, leadership);
    const own = new Set(settings.assignors.map(({ name }) => name));
    this.#assignors = [...settings.assignors, ...BUILT_IN.filter(({ name }) => !own.has(name))];
  }

  /** Until the signal aborts, or it gives way to another. */
  async run(): Promise<"stopped" | "gives way"> {
    this.#listen();
    this.#signal.addEventListener("abort", () => this.#agenda.wake());
    // A source that does not heed the signal holds up nobody.
    unseen(
      followTopics(this.#client, this.#settings, this.#signal, (topics) => {
        this.#topics = topics;
        this.#agenda.changed();
      }),
    );
    this.#agenda.changed();
    this.#dutyDueMs = this.#agenda.nowMs + DUTY_INTERVAL_MS;
    this.#claims.review(this.#agenda.nowMs);
    let failures = 0;
    while (!this.#signal.aborted && !this.#givesWay) {
      try {
        await this.#step();
        failures = 0;
      } catch (error) {
        if (this.#signal.aborted) break;
        // The term is over, and its end is on its way here.
        if (isCorralError(error, "GUARD_FAILED") && !(await this.#stillLeads())) break;
        this.#settings.onLeaderError(error);
        // What an assignor refuses it would refuse again; what the server does may pass.
        if (isCorralError(error)) this.#agenda.changed();
        if (++failures >= FAILURES_MAX) this.#givesWay = true;
        else await this.#pause(failures);
      }
    }
    this.#over.abort();
    for (const resolve of this.#idle.splice(0)) resolve();
    return this.#givesWay ? "gives way" : "stopped";
  }

  /** When nobody is left: once the tree says so. At once if there is somebody, or it has to stop. */
  async conclude(): Promise<void> {
    if (this.#count > 0 || this.#signal.aborted || (this.#isIdle && !this.#agenda.hasChanges)) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #listen(): void {
    const { members, instances, targets, group, own } = this.#view;
    members.on((changes) => {
      if (changes.some(matters)) this.#agenda.changed();
    });
    instances.on(() => this.#agenda.changed());
    const foreign = (): void => {
      if (!this.#isWriting) this.#agenda.changed();
    };
    targets.on(foreign);
    group.on(foreign);
    own.on((changes) => {
      for (const change of changes) this.#claims.changed(claimIn(change), change.path);
      if (this.#claims.hasOrphans) this.#agenda.wake();
    });
  }

  async #step(): Promise<void> {
    const members = this.#living();
    const agenda = this.#agenda;
    if (agenda.divisionDueMs(members.length) <= agenda.nowMs && this.#canDivide(members)) {
      agenda.taken();
      await this.#divide(members);
      if (this.#givesWay) return;
      this.#claims.review(agenda.nowMs);
      this.#dutyDueMs = agenda.nowMs;
    }
    await this.#fenceOverdue();
    await this.#claims.reap(this.#client, this.#leadership, this.#signal);
    if (this.#away.nextDueMs <= agenda.nowMs) {
      this.#away = { ...this.#away, nextDueMs: Infinity };
      agenda.changed();
    }
    if (this.#dutyDueMs <= agenda.nowMs) await this.#doDuties();
    this.#isIdle = !agenda.hasChanges;
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
    const divisionDueMs = this.#canDivide(members) ? agenda.divisionDueMs(this.#count) : Infinity;
    await agenda.sleep(Math.min(divisionDueMs, this.#claims.nextDueMs(), this.#away.nextDueMs, this.#dutyDueMs));
    this.#isIdle = false;
  }

  /** Of members that live; their parent is in the cache too. */
  get #count(): number {
    const { members } = this.#view;
    return members.size - Number(members.has(this.#settings.paths.members));
  }

  #living(): LiveMember[] {
    const { paths } = this.#settings;
    return Array.from(named(this.#view.members, paths.members), ([id, { value, stat }]) => ({
      id,
      czxid: stat.czxid,
      record: value,
    }));
  }

  /** Without members nobody needs to know what topics there are. */
  #canDivide(members: readonly LiveMember[]): boolean {
    return this.#topics !== undefined || members.length === 0;
  }

  async #divide(members: readonly LiveMember[]): Promise<void> {
    const { paths } = this.#settings;
    const view = this.#view;
    this.#away = await this.#grace.look(view, paths, this.#signal);
    const division = divide(
      {
        members,
        away: this.#away.members,
        targets: new Map(Array.from(named(view.targets, paths.targets), ([id, { value }]) => [id, value])),
        claims: this.#claimsSeen(),
        topics: this.#topics ?? [],
      },
      this.#assignors,
    );
    if (division === undefined) this.#givesWay = true;
    else await this.#write(division, members.length > 0);
  }

  async #write(division: Division, hasMembers: boolean): Promise<void> {
    const writing = {
      client: this.#client,
      paths: this.#settings.paths,
      leadership: this.#leadership,
      signal: this.#signal,
      view: this.#view,
    };
    this.#isWriting = true;
    try {
      if (!(await writeTargets(writing, division, hasMembers))) this.#agenda.changed();
    } finally {
      this.#isWriting = false;
    }
    await this.#grace.forget(this.#away, this.#signal);
  }

  *#claimsSeen(): Generator<ClaimSeen> {
    const { own } = this.#settings.paths;
    for (const { path, value } of this.#view.own.entries()) {
      const at = partitionAt(own, path);
      if (at !== undefined) yield { ...at, member: value.member };
    }
  }

  /**
   * Whoever has kept for its whole rebalance timeout what another waits for is out; what it has claimed goes as every dead one's. The server looks
   * whether it still has it: after a stall, the leader may not have heard yet.
   */
  async #fenceOverdue(): Promise<void> {
    for (const { member, czxid, proof } of this.#claims.overdue(this.#agenda.nowMs)) {
      const guard = [this.#leadership.guard, proof];
      const how = { guard, ifMatch: { czxid }, signal: this.#signal, timeoutMs: Infinity };
      try {
        await this.#client.delete(this.#settings.paths.member(member), how);
      } catch (error) {
        // It has given back, or is gone already; unless this leader is none any more.
        if (!isCorralError(error, "GUARD_FAILED", "NO_NODE") || !(await this.#stillLeads())) throw error;
      }
      this.#claims.review(this.#agenda.nowMs);
    }
  }

  #stillLeads(): Promise<boolean> {
    return this.#leadership.verify({ signal: this.#signal, timeoutMs: Infinity }).catch(() => false);
  }

  async #doDuties(): Promise<void> {
    this.#dutyDueMs = this.#agenda.nowMs + DUTY_INTERVAL_MS;
    for (const duty of this.#settings.duties) {
      try {
        await duty({
          client: this.#client,
          paths: this.#settings.paths,
          leadership: this.#leadership,
          signal: this.#signal,
          view: this.#view,
          topics: this.#topics,
        });
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#settings.onLeaderError(error);
      }
    }
  }

  async #pause(tries: number): Promise<void> {
    const deadline = this.#client.deadline("group leader", { signal: this.#signal, timeoutMs: Infinity });
    // Aborted, the loop ends.
    await pause(this.#client, deadline, tries).catch(() => undefined);
  }
}

/** Does it change who there is, or what they want? How far a member has come does not. */
function matters(change: CacheChange<MemberRecord>): boolean {
  if (change.kind !== "changed" || change.now.stat.czxid !== change.before.stat.czxid) return true;
  const told = ({ subscription, assignors, rack, instance, rebalanceTimeoutMs }: MemberRecord): string =>
    JSON.stringify([subscription, assignors, rack, instance, rebalanceTimeoutMs]);
  return told(change.now.value) !== told(change.before.value);
}

const claimIn = (change: CacheChange<ClaimRecord>) => ("now" in change ? change.now : undefined);
