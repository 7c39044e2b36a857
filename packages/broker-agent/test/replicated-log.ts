/**
 * A small replicated log, in memory, by nothing but the public API of the agent: what a host broker would be if it had no disk and no
 * sockets. And a judge, who knows what was committed, and says what is wrong.
 *
 * Each host lives in the process of its client: its timers stand still when that stands still. Logs outlive processes, as disks do.
 */
import type { Client } from "@corral/client";
import type { Draw } from "@corral/testing/world";
import type { BrokerAgent, BrokerHost, Following, Leading, PartitionId } from "../src/index.ts";

export interface LogRecord {
  readonly value: number;
  readonly epoch: number;
}

export type Disk = Map<string, { readonly id: PartitionId; log: LogRecord[] }>;

/** What a host does wrong, to see whether it is noticed. */
export type Mistake = "acknowledges at once" | "claims what it has not" | "keeps what diverged" | "ignores its end";

export const keyOf = ({ topicId, partition }: Pick<PartitionId, "topicId" | "partition">): string =>
  `${topicId}/${partition}`;

const same = (a: LogRecord, b: LogRecord): boolean => a.value === b.value && a.epoch === b.epoch;

export class Judge {
  readonly problems: string[] = [];
  acknowledged = 0;
  readonly #committed = new Map<string, LogRecord[]>();
  readonly #acknowledged = new Map<string, number[]>();
  readonly #leaders = new Map<string, string>();

  /** Of one leader epoch, one life of one broker. And whoever leads has everything that is committed. */
  leads(part: Leading, who: string, log: readonly LogRecord[]): void {
    const key = `${keyOf(part.id)} @${part.leaderEpoch}`;
    const other = this.#leaders.get(key);
    if (other !== undefined) this.problems.push(`${key} is led by ${who} and by ${other}`);
    this.#leaders.set(key, who);
    this.holds(keyOf(part.id), log, `${who} leads ${key}`);
  }

  /** Everything before the high watermark is committed for good. `from`: where that was before. */
  commits(key: string, log: readonly LogRecord[], from: number, to: number, who: string): void {
    const known = this.#committed.get(key) ?? [];
    this.#committed.set(key, known);
    for (let at = from; at < to; at += 1) {
      const [record, other] = [log[at], known[at]];
      if (record === undefined) this.problems.push(`${who} commits at ${key} ${at} what it has not`);
      else if (other === undefined) known.push(record);
      else if (!same(record, other)) this.problems.push(`${who} commits another record at ${key} ${at}`);
    }
  }

  acknowledges(key: string, value: number): void {
    this.acknowledged += 1;
    const known = this.#acknowledged.get(key);
    if (known === undefined) this.#acknowledged.set(key, [value]);
    else known.push(value);
  }

  /** Does this log have all that is committed, and all that was acknowledged? */
  holds(key: string, log: readonly LogRecord[], what: string): void {
    const known = this.#committed.get(key) ?? [];
    const at = known.findIndex((record, i) => log[i] === undefined || !same(log[i], record));
    if (at !== -1) this.problems.push(`${what} without what was committed at ${at}`);
    const values = new Set(log.map(({ value }) => value));
    const lost = (this.#acknowledged.get(key) ?? []).find((value) => !values.has(value));
    if (lost !== undefined) this.problems.push(`${what} without ${lost}, which was acknowledged`);
  }
}

interface Fetch {
  readonly from: SimulatedHost;
  readonly part: Following;
  readonly brokerEpoch: number;
  readonly offset: number;
  /** Of the record before it; -1 if there is none. */
  readonly lastEpoch: number;
}
type Answer =
  | { readonly records: readonly LogRecord[] }
  /** The logs part: the leader has of epochs up to this one so many records. */
  | { readonly epoch: number; readonly end: number };

export interface HostWorld {
  readonly judge: Judge;
  readonly draw: Draw;
  readonly peer: (broker: number) => SimulatedHost | undefined;
  /** Can these two hear each other? */
  readonly isLinked: (a: number, b: number) => boolean;
  readonly mistake?: Mistake | undefined;
}

let nextValue = 1;

const TICK_MS = 100;
const RECORDS_A_FETCH = 20;

export class SimulatedHost implements BrokerHost {
  readonly broker: number;
  readonly client: Client;
  readonly disk: Disk;
  agent: BrokerAgent | undefined;
  isDead = false;
  readonly errors: unknown[] = [];
  readonly #world: HostWorld;
  readonly #led = new Map<string, Leading>();
  readonly #followed = new Map<string, Following>();
  readonly #asking = new Set<Following>();

  constructor(broker: number, client: Client, disk: Disk, world: HostWorld) {
    this.broker = broker;
    this.client = client;
    this.disk = disk;
    this.#world = world;
    this.#tick();
  }

  lead(part: Leading): void {
    const key = keyOf(part.id);
    const log = this.#log(part.id);
    const who = `broker ${this.broker}`;
    this.#followed.delete(key);
    this.#led.set(key, part);
    this.#world.judge.leads(part, `${who} of session ${this.client.session?.id}`, log);
    let last = 0;
    part.onHighWatermark((offset) => {
      if (offset < last) this.#world.judge.problems.push(`the high watermark of ${key} fell to ${offset}`);
      this.#world.judge.commits(key, log, last, offset, who);
      last = offset;
    });
    part.appended(log.length);
  }

  follow(part: Following): void {
    this.#log(part.id);
    this.#led.delete(keyOf(part.id));
    this.#followed.set(keyOf(part.id), part);
  }

  stop(id: PartitionId, { deleteData }: { readonly deleteData: boolean }): void {
    this.#led.delete(keyOf(id));
    this.#followed.delete(keyOf(id));
    if (deleteData) this.disk.delete(keyOf(id));
  }

  onError(error: unknown): void {
    this.errors.push(error);
  }

  #log(id: PartitionId): LogRecord[] {
    const key = keyOf(id);
    const found = this.disk.get(key) ?? { id, log: [] };
    this.disk.set(key, found);
    return found.log;
  }

  #tick(): void {
    if (this.isDead) return;
    for (const part of this.#followed.values()) this.#fetch(part);
    for (const part of this.#led.values()) if (this.#world.draw() < 0.5) this.#append(part);
    this.client.clock.setTimeout(() => {
      this.#tick();
    }, TICK_MS);
  }

  #append(part: Leading): void {
    const { judge, mistake } = this.#world;
    if (mistake === "ignores its end" ? part.canAppend === "NOT_ENOUGH_REPLICAS" : part.canAppend !== true) return;
    const key = keyOf(part.id);
    const log = this.#log(part.id);
    const value = nextValue++;
    log.push({ value, epoch: part.leaderEpoch });
    part.appended(log.length);
    if (mistake === "acknowledges at once" || mistake === "ignores its end") return judge.acknowledges(key, value);
    const waiting = part.committed(log.length);
    void waiting.then((what) => {
      if (what === "committed" && !this.isDead) judge.acknowledges(key, value);
    });
  }

  // ---- replication ------------------------------------------------------------------------------------------------------

  #fetch(part: Following): void {
    const leader = part.leader === undefined ? undefined : this.#world.peer(part.leader);
    const brokerEpoch = this.agent?.epoch;
    if (leader === undefined || brokerEpoch === undefined || part.signal.aborted || this.#asking.has(part)) return;
    const log = this.#log(part.id);
    const claimed = this.#world.mistake === "claims what it has not" ? 2 : 0;
    const fetch: Fetch = {
      from: this,
      part,
      brokerEpoch,
      offset: log.length + claimed,
      lastEpoch: claimed > 0 ? part.leaderEpoch : (log.at(-1)?.epoch ?? -1),
    };
    this.#asking.add(part);
    this.client.clock.setTimeout(() => this.#asking.delete(part), 10 * TICK_MS);
    leader.#hear(this.broker, () => {
      leader.#answer(fetch);
    });
  }

  /** In the process of who hears: it hears nothing while that stands still. */
  #hear(from: number, act: () => void): void {
    if (!this.#world.isLinked(from, this.broker)) return;
    this.client.clock.setTimeout(
      () => {
        if (!this.isDead && this.#world.isLinked(from, this.broker)) act();
      },
      1 + Math.floor(this.#world.draw() * 20),
    );
  }

  #answer(fetch: Fetch): void {
    const { id, leaderEpoch } = fetch.part;
    const part = this.agent?.leading(id.topicId, id.partition);
    if (part === undefined || part.leaderEpoch !== leaderEpoch) return;
    const log = this.#log(id);
    const answer = this.#compare(log, fetch);
    if ("records" in answer) part.fetched(fetch.from.broker, fetch.offset, fetch.brokerEpoch);
    fetch.from.#hear(this.broker, () => {
      fetch.from.#take(fetch, answer);
    });
  }

  #compare(log: readonly LogRecord[], { offset, lastEpoch }: Fetch): Answer {
    const end = log.findLastIndex(({ epoch }) => epoch <= lastEpoch) + 1;
    const epoch = log[end - 1]?.epoch ?? -1;
    const isMistaken =
      this.#world.mistake === "keeps what diverged" || this.#world.mistake === "claims what it has not";
    if (!isMistaken && (epoch !== lastEpoch || end < offset)) return { epoch, end };
    return { records: log.slice(offset, offset + RECORDS_A_FETCH) };
  }

  #take({ part, offset }: Fetch, answer: Answer): void {
    this.#asking.delete(part);
    const log = this.#log(part.id);
    if (part.signal.aborted || (log.length !== offset && this.#world.mistake === undefined)) return;
    if ("records" in answer) log.push(...answer.records);
    else log.splice(Math.min(answer.end, log.findLastIndex(({ epoch }) => epoch <= answer.epoch) + 1));
  }
}
