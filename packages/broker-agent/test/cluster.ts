/**
 * A cluster for tests: a server, brokers that are registered and do nothing else, and topics as a controller would have left them.
 *
 * Owns no behaviour of brokers: what leaders, followers and controllers do is what is tested. Everything is read from the server's
 * tree, never from what some client believes.
 */
import { type Client, op } from "@corral/client";
import { register, type Registration } from "@corral/recipes";
import { startTestServer, type TestServer, type TestServerOptions } from "@corral/testing";
import { type ClusterPaths, encodeName, pathsOf } from "../src/layout.ts";
import type { PartitionState } from "../src/partition/state.ts";
import {
  brokerCodec,
  type BrokerRecord,
  clusterCodec,
  type ConfigRecord,
  configCodec,
  partitionCodec,
  topicCodec,
  type TopicRecord,
} from "../src/records.ts";

/** Of brokers' sessions, milliseconds. */
export const TIMEOUT_MS = 6_000;
/** After a loss that nobody was told of, everybody knows of it and has acted. */
const SETTLE_MS = 3 * TIMEOUT_MS;
/** Paths of partitions' znodes. */
export const PARTITION_PATH = /\/partitions\/[^/]+\/\d+$/;
/** Operations of one transaction that seeds a topic. */
const SEED_OPERATIONS = 500;

export interface FakeBroker {
  readonly id: number;
  readonly client: Client;
  readonly registration: Registration<BrokerRecord>;
}

/** A partition as the server has it. */
export interface Stored {
  readonly state: PartitionState;
  readonly version: number;
  readonly mzxid: number;
}

export interface ClusterOptions extends TestServerOptions {
  /** How many, with ids from 1; or who. Default 3. */
  readonly brokers?: number | readonly (Partial<BrokerRecord> & { readonly id: number })[] | undefined;
}

export interface SeededTopic {
  /** One for each partition; the first leads, all are in sync. */
  readonly replicas?: readonly (readonly number[])[] | undefined;
  /** Instead of `replicas`. */
  readonly states?: readonly PartitionState[] | undefined;
  readonly state?: TopicRecord["state"] | undefined;
  /** Default: `id-of-` and the name. */
  readonly id?: string | undefined;
}

/** As a new partition is: the first of the replicas leads, all are in sync. */
export function fresh(replicas: readonly number[], change: Partial<PartitionState> = {}): PartitionState {
  const [leader = null] = replicas;
  return { replicas, adding: [], removing: [], leader, leaderEpoch: 0, isr: replicas, recovering: false, ...change };
}

function recordOf(broker: Partial<BrokerRecord> & { readonly id: number }): BrokerRecord {
  return {
    incarnation: `incarnation-of-${broker.id}`,
    endpoints: [{ name: "clients", host: `host-${broker.id}`, port: 9092 }],
    rack: null,
    features: {},
    status: "active",
    failedReplicas: [],
    seenZxid: null,
    ...broker,
  };
}

/** `await using` ends it, with all its clients. */
export class TestCluster implements AsyncDisposable {
  readonly server: TestServer;
  readonly paths: ClusterPaths;
  /** Of nobody in the cluster: for what people do by hand, and for what leaders write. */
  readonly client: Client;
  readonly #brokers = new Map<number, FakeBroker>();

  constructor(server: TestServer, client: Client, paths: ClusterPaths) {
    this.server = server;
    this.client = client;
    this.paths = paths;
  }

  /** Of a broker that was started again: the latest. */
  broker(id: number): FakeBroker {
    const broker = this.#brokers.get(id);
    if (broker === undefined) throw new Error(`no broker ${id} was ever started`);
    return broker;
  }

  get brokers(): readonly FakeBroker[] {
    return [...this.#brokers.values()];
  }

  /** Registers a broker, by a client of its own. */
  async start(broker: number | (Partial<BrokerRecord> & { readonly id: number })): Promise<FakeBroker> {
    const record = recordOf(typeof broker === "number" ? { id: broker } : broker);
    const client = await this.server.connect({ session: { timeoutMs: TIMEOUT_MS } });
    const registration = await register(client, this.paths.broker(record.id), record, { codec: brokerCodec });
    const started = { id: record.id, client, registration };
    this.#brokers.set(record.id, started);
    return started;
  }

  /** Changes what a broker says of itself. */
  async change(id: number, change: Partial<BrokerRecord>): Promise<void> {
    const now = this.brokerRecord(id);
    if (now === undefined) throw new Error(`broker ${id} is not registered`);
    await this.broker(id).registration.update({ ...now, ...change });
  }

  /** It is cut off for good, and its session ends: everything of it goes in one transaction. It does not know. */
  async kill(id: number): Promise<void> {
    const { client } = this.broker(id);
    this.server.faults.partition(client);
    await this.server.faults.expire(client);
  }

  /** Its session ends, and it is back with another one before anybody can have done anything about it: a new epoch. */
  async bounce(id: number): Promise<void> {
    const { registration, client } = this.broker(id);
    const before = registration.epoch;
    await this.server.faults.expire(client);
    for (let turns = 0; registration.epoch === undefined || registration.epoch === before; turns += 1) {
      if (turns > 100) throw new Error(`broker ${id} does not come back`);
      await this.server.clock.advance(100);
    }
  }

  /** A topic as a controller would have made it; resolves with its id. */
  async topic(name: string, seed: SeededTopic): Promise<string> {
    const states = seed.states ?? (seed.replicas ?? []).map((replicas) => fresh(replicas));
    const id = seed.id ?? `id-of-${encodeName(name)}`;
    const record: TopicRecord = {
      name,
      id,
      state: seed.state ?? "live",
      partitions: states.length,
      replicationFactor: states[0]?.replicas.length ?? 0,
      growth: null,
    };
    await this.client.create(this.paths.partitionsOf(id), null, { parents: true });
    for (let from = 0; from < states.length; from += SEED_OPERATIONS) {
      const part = states.slice(from, from + SEED_OPERATIONS);
      const create = (state: PartitionState, at: number) =>
        op.create(this.paths.partition(id, from + at), state, { codec: partitionCodec });
      await this.client.multi(part.map(create));
    }
    await this.client.create(this.paths.topic(name), record, { codec: topicCodec, parents: true });
    return id;
  }

  /** Replaces all values of an entity; `entity` as in the path. */
  async configure(type: string, entity: string, values: Readonly<Record<string, string>>): Promise<void> {
    const record: ConfigRecord = { values, by: "test", atMs: 0 };
    const path = this.paths.configOf(type, entity);
    await this.client.update(path, () => record, { codec: configCodec, create: { parents: true } });
  }

  /** For all brokers. */
  configureAll(values: Readonly<Record<string, string>>): Promise<void> {
    return this.configure("brokers", "<default>", values);
  }

  /** What a leader writes: another state, if it is still the one of this version. Any by default. */
  async write(topicId: string, partition: number, state: PartitionState, version = -1): Promise<void> {
    const path = this.paths.partition(topicId, partition);
    await this.client.set(path, state, { codec: partitionCodec, ifMatch: { version } });
  }

  /** As it stands on the server. */
  stored(topicId: string, partition: number): Stored {
    const at = this.paths.partition(topicId, partition);
    const found = this.server.dump().find(({ path }) => path === at);
    if (found === undefined) throw new Error(`no partition ${partition} of topic ${topicId}`);
    return { state: partitionCodec.decode(found.data), version: found.version, mzxid: found.mzxid };
  }

  partition(topicId: string, partition: number): PartitionState {
    return this.stored(topicId, partition).state;
  }

  storedAll(topicId: string): Map<number, Stored> {
    const below = `${this.paths.partitionsOf(topicId)}/`;
    const found = new Map<number, Stored>();
    for (const { path, data, version, mzxid } of this.server.dump()) {
      if (!path.startsWith(below)) continue;
      found.set(Number(path.slice(below.length)), { state: partitionCodec.decode(data), version, mzxid });
    }
    return found;
  }

  /** Undefined: not registered. */
  brokerRecord(id: number): BrokerRecord | undefined {
    const found = this.server.dump().find(({ path }) => path === this.paths.broker(id));
    return found === undefined ? undefined : brokerCodec.decode(found.data);
  }

  /** Those that are registered. */
  brokerRecords(): BrokerRecord[] {
    const below = `${this.paths.brokers}/`;
    const found = this.server.dump().filter(({ path }) => path.startsWith(below));
    return found.map(({ data }) => brokerCodec.decode(data));
  }

  /** Of the latest change of a partition, a topic or a configuration. */
  latestZxid(): number {
    return this.server.dump().reduce((latest, { mzxid, owner }) => (owner === 0 ? Math.max(latest, mzxid) : latest), 0);
  }

  /** Lets so much time pass; by default enough for everybody to have known and acted. */
  settle(ms: number = SETTLE_MS): Promise<void> {
    return this.server.clock.advance(ms);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A server with a cluster on it: the cluster's own znodes, brokers, no topics. */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const { brokers = 3, ...ofServer } = options;
  const server = await startTestServer(ofServer);
  const client = await server.connect();
  const paths = pathsOf("test");
  await client.create(
    paths.cluster,
    { format: 1, clusterId: "cluster-of-tests", features: {} },
    { codec: clusterCodec, parents: true },
  );
  const parents = [paths.brokers, paths.ids, paths.controller, paths.topics, paths.partitions, paths.config];
  await client.multi([...parents, paths.requests, paths.results].map((path) => op.create(path)));
  const cluster = new TestCluster(server, client, paths);
  const who = typeof brokers === "number" ? Array.from({ length: brokers }, (_, at) => ({ id: at + 1 })) : brokers;
  for (const broker of who) await cluster.start(broker);
  return cluster;
}
