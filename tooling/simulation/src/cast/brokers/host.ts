/**
 * A broker with a replicated log, by nothing but the public API of the agent: it appends where it leads, fetches where it follows, and says
 * what is acknowledged. Notes what it is told and what it does; whether that was right is judged elsewhere.
 *
 * Lives in one process, as its client does; its disk is older, and outlives it.
 */
import type { BrokerAgent, BrokerHost, ConfigChange, Following, Leading, PartitionId } from "@corral/broker-agent";
import { CorralError } from "@corral/client";
import type { Process } from "@corral/testing/world";
import { type Disk, keyOf } from "./disk.ts";
import { compare, type Fetch, type FetchAnswer, take } from "./replication.ts";
import type { Peer, Surroundings } from "./surroundings.ts";

/** Between two fetches of what it follows. */
const FETCH_MS = 120;
/** Without an answer for so long, a fetch is tried again. */
const FETCH_AGAIN_MS = 1_000;
/** What is written is certain on the disk after this. */
const SYNC_MS = 1_500;

export interface HostOptions {
  readonly broker: number;
  /** Of this host alone. */
  readonly name: string;
  readonly process: Process;
  readonly disk: Disk;
  readonly around: Surroundings;
}

export class ReplicaHost implements BrokerHost, Peer {
  readonly broker: number;
  readonly name: string;
  readonly process: Process;
  readonly disk: Disk;
  agent: BrokerAgent | undefined;
  /** Replicas that it cannot keep at the moment. */
  failed: ReadonlySet<string> = new Set();
  readonly led: Map<string, Leading> = new Map();
  readonly followed: Map<string, Following> = new Map();
  readonly settings: Map<string, string> = new Map();
  readonly #around: Surroundings;
  readonly #asking = new Set<Following>();
  #isOver = false;

  constructor({ broker, name, process, disk, around }: HostOptions) {
    this.broker = broker;
    this.name = name;
    this.process = process;
    this.disk = disk;
    this.#around = around;
    this.#again(FETCH_MS, () => this.#fetchAll());
    this.#again(SYNC_MS, () => disk.sync());
  }

  /** Nothing more of it happens. */
  end(): void {
    this.#isOver = true;
  }

  #again(ms: number, act: () => void): void {
    this.process.after(ms, "timer", () => {
      if (this.#isOver) return;
      act();
      this.#again(ms, act);
    });
  }

  // ---- told by the agent -------------------------------------------------------------------------------------------------

  lead(part: Leading): void {
    const { notes, sometimes, stage, hosts } = this.#around;
    const { id, leaderEpoch, guards } = part;
    const key = keyOf(id);
    const { records } = this.disk.of(id);
    this.followed.delete(key);
    this.led.set(key, part);
    const brokerEpoch = (guards[0] as { readonly czxid: number }).czxid;
    stage.note(`${this.name} leads ${key} @${leaderEpoch} with ${records.length} records`);
    notes.push({ kind: "leads", key, broker: this.broker, leaderEpoch, brokerEpoch, log: [...records] });
    for (const other of hosts.values())
      if (other !== this && other.process.isStalled && other.led.get(key)?.signal.aborted === false)
        sometimes("another led while the one before stood still");
    let from = 0;
    part.onHighWatermark((to) => {
      const committed = records.slice(from, to);
      notes.push({ kind: "commits", key, broker: this.broker, leaderEpoch, from, to, records: committed });
      from = to;
    });
    part.appended(records.length);
    if (part.state.recovering) part.recovered().catch(() => {});
  }

  follow(part: Following): void {
    const key = keyOf(part.id);
    this.disk.of(part.id);
    this.led.delete(key);
    this.followed.set(key, part);
  }

  stop(id: PartitionId, { deleteData }: { readonly deleteData: boolean }): void {
    const key = keyOf(id);
    this.led.delete(key);
    this.followed.delete(key);
    if (deleteData && this.disk.logs.delete(key)) this.#around.sometimes("data of a topic that is gone were dropped");
  }

  configChanged({ type, entity, before, now, zxid }: ConfigChange): void {
    const of = `${type}/${entity}`;
    this.#around.notes.push({ kind: "config", who: this.name, entity: of, before, now, zxid });
    if (now === undefined) this.settings.delete(of);
    else this.settings.set(of, JSON.stringify(now));
  }

  onError(error: unknown, where: string): void {
    const { stage } = this.#around;
    stage.note(`${this.name} ${where}: ${String(error)}`);
    // What could not be asked or answered is tried again, and told. Anything else is a mistake.
    if (!(error instanceof CorralError))
      stage.violate("brokers", `${this.name}, ${where}: ${String((error as Error)?.stack ?? error)}`);
  }

  // ---- producers ---------------------------------------------------------------------------------------------------------

  /** So many records to each partition that it leads, where it may. */
  append(count: number): void {
    for (const part of this.led.values()) for (let i = 0; i < count; i++) this.#append(part);
  }

  #append(part: Leading): void {
    const { sometimes, mistake } = this.#around;
    const { canAppend, leaderEpoch } = part;
    if (canAppend === "NOT_LEADER") {
      sometimes("an append of one that leads no more was refused");
      if (mistake !== "host-ignores-its-end") return;
    } else if (canAppend === "NOT_ENOUGH_REPLICAS") {
      sometimes("an append was refused, with too few in sync");
      return;
    }
    const key = keyOf(part.id);
    const { records } = this.disk.of(part.id);
    const value = this.#around.nextValue();
    records.push({ value, epoch: leaderEpoch });
    part.appended(records.length);
    if (mistake === "host-acknowledges-at-once" || canAppend === "NOT_LEADER") {
      this.#acknowledge(key, leaderEpoch, value);
      return;
    }
    const waiting = part.committed(records.length);
    waiting.then(
      (what) => {
        if (this.process.isDead) return;
        if (what === "committed") this.#acknowledge(key, leaderEpoch, value);
        else sometimes("a record was appended, and nobody knows whether it is committed");
      },
      (error: unknown) => this.onError(error, "waiting for a record"),
    );
  }

  #acknowledge(key: string, leaderEpoch: number, value: number): void {
    this.#around.notes.push({ kind: "acknowledges", key, broker: this.broker, leaderEpoch, value });
  }

  // ---- replication -------------------------------------------------------------------------------------------------------

  #fetchAll(): void {
    for (const [key, part] of this.followed) if (!this.failed.has(key)) this.#fetch(part);
  }

  #fetch(part: Following): void {
    const { hosts, wires, mistake } = this.#around;
    const leader = part.leader === undefined ? undefined : hosts.get(part.leader);
    const brokerEpoch = this.agent?.epoch;
    if (leader === undefined || brokerEpoch === undefined || part.signal.aborted || this.#asking.has(part)) return;
    const { records } = this.disk.of(part.id);
    const claimed = mistake === "host-claims-what-it-has-not" ? 2 : 0;
    const fetch: Fetch = {
      id: part.id,
      follower: this.broker,
      brokerEpoch,
      leaderEpoch: part.leaderEpoch,
      offset: records.length + claimed,
      lastEpoch: claimed > 0 ? part.leaderEpoch : (records.at(-1)?.epoch ?? -1),
    };
    this.#asking.add(part);
    this.process.after(FETCH_AGAIN_MS, "timer", () => this.#asking.delete(part));
    wires.send(this.broker, leader, () => {
      const answer = leader.answer(fetch);
      if (answer !== undefined) wires.send(leader.broker, this, () => this.#take(part, fetch, answer));
    });
  }

  answer(fetch: Fetch): FetchAnswer | undefined {
    const { id, leaderEpoch, follower, offset, brokerEpoch } = fetch;
    const part = this.agent?.leading(id.topicId, id.partition);
    if (this.#isOver || part?.leaderEpoch !== leaderEpoch) {
      if (part !== undefined && part.leaderEpoch > leaderEpoch)
        this.#around.sometimes("a fetch of an earlier epoch was refused");
      return undefined;
    }
    const answer = compare(this.disk.of(id).records, fetch, this.#around.mistake);
    if ("records" in answer) part.fetched(follower, offset, brokerEpoch);
    return answer;
  }

  #take(part: Following, { offset }: Fetch, answer: FetchAnswer): void {
    this.#asking.delete(part);
    const { mistake, sometimes } = this.#around;
    if (part.signal.aborted || this.failed.has(keyOf(part.id))) return;
    const log = this.disk.of(part.id);
    if (log.records.length !== offset && mistake === undefined) return;
    if (take(log, answer)) sometimes("logs had parted, and one was truncated");
  }
}
