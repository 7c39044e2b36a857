/**
 * What must be true of every transaction of a cluster, whoever believes what: who may write what, one controller at a time with an epoch
 * that grows, topics that come and go whole, partitions that change as they may.
 *
 * Owns the cluster as the transactions leave it, and who was elected when. What hosts did is judged elsewhere, by that.
 */
import type { Violation } from "../../history.ts";
import { faultOfChange, type Moment, type Partition, type Registered } from "./partition-law.ts";
import { TopicLaw } from "./topic-law.ts";
import type { Changed, Kept, Transaction } from "./transactions.ts";

/** Who leads by an epoch, and how he came to it. */
export interface Elected {
  readonly leader: number;
  /** Of the leader's registration then. */
  readonly brokerEpoch: number;
  /** It was in sync, and had been there all the time: nobody can have more than it has. */
  readonly isSure: boolean;
}

export const electionKey = (key: string, leaderEpoch: number): string => `${key} @${leaderEpoch}`;
const SEQUENCE = /(\d{10})$/;
const RESULT = "results";

export class ClusterLaw {
  readonly violations: Violation[] = [];
  /** By `electionKey`. */
  readonly elections: Map<string, Elected> = new Map();
  /** By `electionKey`: who came to be in sync by the controller's word and not by a leader's, to lead then or later. What they have, nobody knows. */
  readonly strangers: Map<string, readonly number[]> = new Map();
  /** By path. */
  readonly kept: Map<string, Kept> = new Map();
  readonly #brokers = new Map<number, Registered>();
  readonly #lastEpoch = new Map<number, number>();
  readonly #topics: TopicLaw;
  readonly #sometimes: (mark: string) => void;
  /** Keys of requests that have an answer. */
  readonly #answered = new Set<string>();
  #controller: { readonly session: number; readonly term: number } | undefined;
  #lastTerm = 0;
  /** Of each partition those in sync, with the epochs of the lives in which they came to be so and have been ever since. */
  readonly #sure = new Map<string, ReadonlyMap<number, number>>();
  /** Whose term a reassignment was begun in, by partition. */
  readonly #begunIn = new Map<string, number>();

  constructor(sometimes: (mark: string) => void) {
    this.#sometimes = sometimes;
    this.#topics = new TopicLaw((what) => this.#fail(what), sometimes);
  }

  #zxid = 0;

  #fail(what: string): void {
    this.violations.push({ check: "brokers", what: `at ${this.#zxid}: ${what}` });
  }

  apply({ zxid, session, changes }: Transaction): void {
    this.#zxid = zxid;
    // What stands there before the first broker comes was made by nobody who is judged.
    if (this.#lastEpoch.size === 0 && !changes.some(isBroker)) return this.#take(changes);
    const byController = session !== undefined && this.#controller?.session === session && this.#isBroker(session);
    for (const change of changes) this.#check(change, session, byController, changes);
    this.#take(changes);
  }

  #take(changes: readonly Changed[]): void {
    for (const { path, now } of changes) {
      if (now === undefined) this.kept.delete(path);
      else this.kept.set(path, now);
    }
    this.#topics.check(changes, this.kept, this.#controller?.term ?? 0);
    for (const change of changes) this.#takeBroker(change);
    this.#takeController();
  }

  #isBroker(session: number): boolean {
    for (const broker of this.#brokers.values()) if (broker.session === session) return true;
    return false;
  }

  // ---- who writes what ---------------------------------------------------------------------------------------------------

  #check(change: Changed, session: number | undefined, byController: boolean, all: readonly Changed[]): void {
    const { path, before, now } = change;
    const [kind, first, second] = path.split("/");
    switch (kind) {
      case "":
        if (before !== undefined && before.text !== "" && !byController)
          this.#fail(`the cluster's own record was changed by session ${session}, which is no controller's`);
        return;
      case "brokers":
        if (first !== undefined) this.#checkBroker(first, change, session);
        return;
      case "partitions":
        if (second !== undefined) this.#checkPartition(change, session, byController, all);
        else if (first !== undefined && !byController) this.#fail(`${path} came or went by no controller`);
        return;
      case "topics":
      case "config":
        if (first !== undefined && !byController)
          this.#fail(`${path} was changed by session ${session}, no controller`);
        return;
      case RESULT:
        if (first === undefined || now === undefined) return;
        if (!byController) this.#fail(`${path} was answered by session ${session}, which is no controller's`);
        if (before !== undefined || this.#answered.has(first)) this.#fail(`${path} was answered twice`);
        this.#answered.add(first);
        if (!all.some((other) => isRequestOf(other, first))) this.#fail(`${path} was answered, and the request stayed`);
        return;
      default:
        return;
    }
  }

  #checkBroker(name: string, { before, now }: Changed, session: number | undefined): void {
    if (now === undefined) {
      if (session !== undefined && before?.owner !== session) this.#fail(`broker ${name} was taken away by ${session}`);
      return;
    }
    const { id } = now.data as { readonly id?: unknown };
    if (String(id) !== name) this.#fail(`broker ${name} calls itself ${String(id)}`);
    if (now.owner === 0 || now.owner !== session)
      this.#fail(`broker ${name} belongs to session ${now.owner}, and ${session} wrote it`);
    if (before !== undefined && before.czxid === now.czxid) return;
    const last = this.#lastEpoch.get(Number(name)) ?? 0;
    if (before !== undefined) this.#fail(`broker ${name} registered while it was registered`);
    if (now.czxid <= last) this.#fail(`the epoch of broker ${name} is ${now.czxid} after ${last}`);
    this.#lastEpoch.set(Number(name), now.czxid);
  }

  #checkPartition(
    { path, before, now }: Changed,
    session: number | undefined,
    byController: boolean,
    all: readonly Changed[],
  ): void {
    const key = path.slice("partitions/".length);
    if (now === undefined) {
      if (!byController) this.#fail(`${key} was taken away by session ${session}, which is no controller's`);
      return;
    }
    const state = now.data as Partition;
    const moment: Moment = {
      key,
      before: before === undefined ? undefined : { state: before.data as Partition, mzxid: before.mzxid },
      now: state,
      brokers: this.#brokers,
      sure: this.#sureOf(key),
      session,
      byController,
      mayBeUnclean: this.#mayBeUnclean(key) || all.some(isUncleanRequest),
    };
    const fault = faultOfChange(moment);
    if (fault !== undefined)
      this.#fail(
        `${key} became ${JSON.stringify(state)} of ${before?.text ?? "nothing"} by session ${session}: ${fault}`,
      );
    this.#noteStrangers(moment);
    this.#elect(moment);
    this.#keepSure(moment);
    this.#mark(moment);
  }

  #sureOf(key: string): ReadonlySet<number> {
    const lives = [...(this.#sure.get(key) ?? [])];
    return new Set(lives.flatMap(([id, epoch]) => (this.#brokers.get(id)?.epoch === epoch ? [id] : [])));
  }

  /**
   * Who leads is sure: what it has is what there is. So are those of the first state, and those that a leader takes in. Who only stays as the
   * last one known, or is back when another one is elected who was away himself, is not.
   */
  #keepSure({ key, before, now, sure }: Moment): void {
    const isElection = before === undefined || before.state.leaderEpoch !== now.leaderEpoch;
    const isSure = (id: number): boolean =>
      sure.has(id) || id === now.leader || before === undefined || (!isElection && !before.state.isr.includes(id));
    const lives = now.isr.flatMap((id) => {
      const epoch = this.#brokers.get(id)?.epoch;
      return epoch !== undefined && isSure(id) ? [[id, epoch] as const] : [];
    });
    this.#sure.set(key, new Map(lives));
  }

  /** Whom a leader takes in has what the leader has; and no leader does that while its log is repaired. */
  #noteStrangers({ key, before, now }: Moment): void {
    if (before === undefined || !now.recovering) return;
    const strangers = now.isr.filter((id) => !before.state.isr.includes(id));
    const at = electionKey(key, now.leaderEpoch);
    if (strangers.length > 0) this.strangers.set(at, [...(this.strangers.get(at) ?? []), ...strangers]);
  }

  #elect(moment: Moment): void {
    const { key, before, now } = moment;
    if (now.leader === null) return;
    const at = electionKey(key, now.leaderEpoch);
    const known = this.elections.get(at);
    if (known !== undefined && known.leader !== now.leader)
      this.#fail(`${at} is led by ${now.leader}, and was by ${known.leader}`);
    if (known !== undefined) return;
    const isClean = before === undefined || before.state.isr.includes(now.leader);
    const isSure = before === undefined || moment.sure.has(now.leader);
    const brokerEpoch = this.#brokers.get(now.leader)?.epoch ?? 0;
    this.elections.set(at, { leader: now.leader, brokerEpoch, isSure });
    if (!isClean) this.#sometimes("an unclean election took place");
    if (isClean && !isSure && before.state.leaderEpoch > 0)
      this.#sometimes("who had been away was made leader, as nobody else was there");
  }

  #mark({ key, before, now }: Moment): void {
    if (before === undefined) return;
    const was = before.state;
    const some = this.#sometimes;
    if (was.leader !== null && now.leader !== null && was.leader !== now.leader) some("a leader changed");
    if (was.leader !== null && now.leader === null) some("a partition lost its leader, and nobody could lead");
    if (now.leaderEpoch === was.leaderEpoch && now.isr.length < was.isr.length) some("the in-sync replicas shrank");
    if (now.isr.length > was.isr.length) some("the in-sync replicas grew");
    if (was.recovering && !now.recovering) some("a log was repaired after an unclean election");
    const [moved, moves] = [was.adding.length + was.removing.length, now.adding.length + now.removing.length];
    if (moved === 0 && moves > 0) this.#begunIn.set(key, this.#lastTerm);
    if (moved > 0 && moves === 0 && was.adding.every((id) => now.replicas.includes(id))) {
      some("a reassignment was finished");
      if (this.#begunIn.get(key) !== this.#lastTerm) some("a reassignment was finished by another controller");
    }
  }

  #mayBeUnclean(key: string): boolean {
    const id = key.slice(0, key.indexOf("/"));
    const name = this.#topics.nameOf(id);
    const values = (path: string): Readonly<Record<string, string>> | undefined =>
      (this.kept.get(path)?.data as { readonly values?: Readonly<Record<string, string>> } | undefined)?.values;
    const setting = "unclean.leader.election.enable";
    const own = name === undefined ? undefined : values(`config/topics/${name}`)?.[setting];
    return (own ?? values("config/brokers/<default>")?.[setting]) === "true";
  }

  // ---- who is there ------------------------------------------------------------------------------------------------------

  #takeBroker({ path, now }: Changed): void {
    const [kind, name] = path.split("/");
    if (kind !== "brokers" || name === undefined) return;
    const id = Number(name);
    if (now === undefined) {
      this.#brokers.delete(id);
      return;
    }
    const { status, failedReplicas } = now.data as {
      readonly status: string;
      readonly failedReplicas: readonly string[];
    };
    this.#brokers.set(id, { epoch: now.czxid, mzxid: now.mzxid, session: now.owner, status, failed: failedReplicas });
  }

  /** The candidate that came first. */
  #takeController(): void {
    let head: { readonly order: number; readonly kept: Kept } | undefined;
    for (const [path, kept] of this.kept) {
      if (!path.startsWith("controller/")) continue;
      const order = Number(SEQUENCE.exec(path)?.[1] ?? Number.NaN);
      if (!Number.isNaN(order) && (head === undefined || order < head.order)) head = { order, kept };
    }
    const term = head?.kept.czxid;
    if (term === this.#controller?.term) return;
    this.#controller = head === undefined ? undefined : { session: head.kept.owner, term: head.kept.czxid };
    if (term === undefined) return;
    if (term <= this.#lastTerm) this.#fail(`the controller's epoch is ${term} after ${this.#lastTerm}`);
    if (this.#lastTerm > 0) this.#sometimes("the controller moved");
    this.#lastTerm = term;
  }
}

const isBroker = ({ path }: Changed): boolean => /^brokers\/./.test(path);

function isRequestOf({ path, before, now }: Changed, key: string): boolean {
  if (!path.startsWith("requests/") || now !== undefined) return false;
  return encodeURIComponent((before?.data as { readonly key?: string } | undefined)?.key ?? "") === key;
}

function isUncleanRequest({ path, before, now }: Changed): boolean {
  if (!path.startsWith("requests/") || now !== undefined) return false;
  const { op, args } = (before?.data ?? {}) as { readonly op?: string; readonly args?: { readonly kind?: string } };
  return op === "electLeaders" && args?.kind === "unclean";
}
