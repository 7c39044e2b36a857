/** Hand-made histories of a cluster, for the tests of what is judged by its log: transactions, one after the other, on a cluster with three brokers. */
import type { Partition } from "../src/check/brokers/partition-law.ts";
import type { Changed, Kept, Transaction } from "../src/check/brokers/transactions.ts";

/** The id of the topic that is there. */
export const TOPIC = "t";
export const KEY: string = `${TOPIC}/0`;
/** The session of this broker: its first one. */
export const sessionOf = (broker: number): number => 100 + broker;

export const partition = (change: Partial<Partition> = {}): Partition => ({
  replicas: [1, 2, 3],
  adding: [],
  removing: [],
  leader: 1,
  leaderEpoch: 0,
  isr: [1, 2, 3],
  recovering: false,
  ...change,
});

export class ClusterLog {
  readonly transactions: Transaction[] = [];
  readonly #kept = new Map<string, Kept>();
  #zxid = 0;

  /** Broker 1 is the controller; a topic of one partition is there, and broker 1 leads it. */
  constructor(state: Partition = partition()) {
    for (const id of [1, 2, 3]) this.register(id);
    this.stand(1, 1);
    this.stand(2, 2);
    this.write(sessionOf(1), { "topics/orders": topic(), [`partitions/${TOPIC}`]: null, [`partitions/${KEY}`]: state });
  }

  get zxid(): number {
    return this.#zxid;
  }

  get kept(): ReadonlyMap<string, Kept> {
    return this.#kept;
  }

  /** One transaction: what each path is to be; undefined: gone, null: there without data. Ephemerals of the writer below brokers and controller. */
  write(session: number | undefined, changes: Readonly<Record<string, unknown>>): this {
    const zxid = ++this.#zxid;
    const done = Object.entries(changes).map(([path, data]) => this.#change(path, data, session, zxid));
    this.transactions.push({ zxid, session, changes: done });
    return this;
  }

  #change(path: string, data: unknown, session: number | undefined, zxid: number): Changed {
    const before = this.#kept.get(path);
    if (data === undefined) {
      this.#kept.delete(path);
      return { path, before, now: undefined };
    }
    const isEphemeral = /^(brokers|controller)\/./.test(path);
    const now: Kept = {
      data: data ?? undefined,
      text: data === null ? "" : JSON.stringify(data),
      czxid: before?.czxid ?? zxid,
      mzxid: zxid,
      version: (before?.version ?? -1) + 1,
      owner: before?.owner ?? (isEphemeral ? (session ?? 0) : 0),
    };
    this.#kept.set(path, now);
    return { path, before, now };
  }

  /** Of a broker, by a session of its own. */
  register(id: number, session: number = sessionOf(id), change: Readonly<Record<string, unknown>> = {}): this {
    return this.write(session, { [`brokers/${id}`]: { id, status: "active", failedReplicas: [], ...change } });
  }

  /** As candidate for the controllership. */
  stand(id: number, order: number, session: number = sessionOf(id)): this {
    return this.write(session, { [`controller/_c_x-lock-${String(order).padStart(10, "0")}`]: null });
  }

  /** Its session ends: all that is its own is gone. */
  expire(session: number): this {
    const own = [...this.#kept].filter(([, { owner }]) => owner === session).map(([path]) => [path, undefined]);
    return this.write(undefined, Object.fromEntries(own) as Record<string, undefined>);
  }

  /** The partition becomes this, by the session of a broker. */
  become(broker: number, state: Partition): this {
    return this.write(sessionOf(broker), { [`partitions/${KEY}`]: state });
  }
}

export const topic = (change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  name: "orders",
  id: TOPIC,
  state: "live",
  partitions: 1,
  growth: null,
  ...change,
});
