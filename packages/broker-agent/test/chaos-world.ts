/** Brokers with a replicated log in a world that breaks as a seed decides: what can go wrong with them, and what must be true at rest. */
import { startTestServer, type TestServer } from "@corral/testing";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { type ClusterAdmin, clusterAdmin, startBroker, type TopicDescription } from "../src/index.ts";
import { type Disk, Judge, keyOf, type Mistake, SimulatedHost } from "./replicated-log.ts";

export const SESSION_MS = 4_000;
const CLUSTER = "chaos";
const SETTINGS = { "replica.lag.time.max.ms": "1500" };
const TOPICS = ["one", "two"];
const REPLICAS = 3;

const WHAT = [
  "expire", "partition", "deaf", "mute", "stall", "sleep", "jump", "cut", "dropReply", "dropRequest", "late", "forget",
  "restart", "unlink", "unlink", "crash", "leave", "nothing",
] as const; // prettier-ignore
export type Strike = (typeof WHAT)[number];

/** Ends what lasts. */
export type End = () => Promise<void> | void;

export interface ChaosOptions {
  readonly mistake?: Mistake | undefined;
  /** Of the topics, beside `min.insync.replicas`. */
  readonly configs?: Readonly<Record<string, string>> | undefined;
}

export class ChaosWorld implements AsyncDisposable {
  readonly judge = new Judge();
  readonly server: TestServer;
  readonly draw: Draw;
  readonly hosts = new Map<number, SimulatedHost>();
  readonly disks = new Map<number, Disk>();
  admin!: ClusterAdmin;
  readonly #mistake: Mistake | undefined;
  readonly #isOnDisk: boolean;
  readonly #unlinked = new Set<string>();
  #clusterId: string | undefined;

  constructor(server: TestServer, draw: Draw, isOnDisk: boolean, mistake: Mistake | undefined) {
    this.server = server;
    this.draw = draw;
    this.#isOnDisk = isOnDisk;
    this.#mistake = mistake;
  }

  /** Lets time pass until it has come to something. */
  async eventually<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = (): void => void (isSettled = true);
    promise.then(settled, settled);
    for (let steps = 0; !isSettled; steps += 1) {
      if (steps > 2_000) throw new Error("it does not end");
      await this.server.clock.advance(50);
    }
    return promise;
  }

  async start(broker: number): Promise<void> {
    const client = await this.eventually(this.server.connect({ session: { timeoutMs: SESSION_MS } }));
    const disk: Disk = this.disks.get(broker) ?? new Map();
    this.disks.set(broker, disk);
    const { judge, draw } = this;
    const host = new SimulatedHost(broker, client, disk, {
      judge,
      draw,
      peer: (id) => this.hosts.get(id),
      isLinked: (a, b) => !this.#unlinked.has(`${Math.min(a, b)} ${Math.max(a, b)}`),
      mistake: this.#mistake,
    });
    this.hosts.set(broker, host);
    const clusterId = this.#clusterId;
    const starting = startBroker(client, {
      cluster: CLUSTER,
      id: broker,
      endpoints: [{ name: "replication", host: `host-${broker}`, port: 9092 }],
      onDuplicate: "wait",
      host,
      ...(clusterId === undefined ? {} : { clusterId, onDisk: Array.from(disk.values(), ({ id }) => id) }),
    });
    host.agent = await this.eventually(starting);
    this.#clusterId = host.agent.clusterId;
  }

  living(): SimulatedHost[] {
    return [...this.hosts.values()].filter(({ isDead }) => !isDead);
  }

  /** One thing that goes wrong; some of it lasts. */
  async strike(host = oneOf(this.draw, this.living()), what: Strike = oneOf(this.draw, WHAT)): Promise<End> {
    const { server, draw } = this;
    const { faults } = server;
    const { client, broker } = host;
    const long = between(draw, 200, 2 * SESSION_MS);
    switch (what) {
      case "expire":
        if (client.session?.isValid === true && client.state.name === "connected") await faults.expire(client);
        return () => {};
      case "partition":
      case "deaf":
      case "mute": {
        const oneWay = { partition: undefined, deaf: "from-server", mute: "to-server" } as const;
        const fault = faults.partition(client, { oneWay: oneWay[what] });
        return () => fault.end();
      }
      case "stall":
        faults.stallClient(client, long);
        return () => {};
      case "sleep":
        faults.sleepClient(client, long);
        return () => {};
      case "jump":
        faults.jumpClock(client, between(draw, -10_000, 10_000));
        return () => {};
      case "cut":
        faults.cut(client);
        return () => {};
      case "dropReply":
      case "dropRequest": {
        const nth = between(draw, 1, 3);
        const fault = faults[what]({ op: oneOf(draw, ["set", "multi", "multiEach", "create"]), nth });
        return () => fault.end();
      }
      case "late": {
        const fault = faults.delayReply({ op: oneOf(draw, ["set", "multi", "multiEach", "create"]) }, long / 10);
        return () => fault.end();
      }
      case "forget":
        faults.forgetHistory();
        return () => {};
      case "restart":
        await faults.restart({ crash: this.#isOnDisk && draw() < 0.7, downMs: between(draw, 0, 2_000) });
        return () => {};
      case "unlink": {
        const other = oneOf(draw, [...this.hosts.keys()]);
        const link = `${Math.min(broker, other)} ${Math.max(broker, other)}`;
        this.#unlinked.add(link);
        return () => void this.#unlinked.delete(link);
      }
      case "crash":
        await this.crash(host, 0)();
        return () => {};
      case "leave":
        await this.eventually(host.agent!.shutdown());
        host.isDead = true;
        await this.eventually(client.close());
        await server.clock.advance(between(draw, 0, 2_000));
        await this.start(broker);
        return () => {};
      case "nothing":
        return () => {};
    }
  }

  /** Of each log the end is lost, up to so many records. It ends when the broker is back. */
  crash(host: SimulatedHost, lostMax: number): End {
    host.isDead = true;
    this.server.faults.partition(host.client);
    for (const { log } of this.disks.get(host.broker)?.values() ?? []) {
      log.splice(Math.max(0, log.length - between(this.draw, 0, lostMax)));
    }
    return async () => {
      // Back before its session would have ended, or after that.
      if (this.draw() < 0.5) await this.server.faults.expire(host.client).catch(() => undefined);
      else await this.server.clock.advance(between(this.draw, 0, 6_000));
      await this.start(host.broker);
    };
  }

  topics(): TopicDescription[] {
    return this.admin.describeTopics({ topics: TOPICS });
  }

  /** Lets time pass until all are in sync. */
  async heal(): Promise<void> {
    const isWell = (): boolean =>
      this.topics().every(({ partitions }) =>
        partitions.every(
          (one) => one.leader !== null && one.isr.length === REPLICAS && one.replicas.length === REPLICAS,
        ),
      );
    for (let waited = 0; waited < 20 && (waited < 2 || !isWell()); waited += 1) {
      await this.server.clock.advance(SESSION_MS);
    }
  }

  /** Everything has healed: all are in sync, and have the same. */
  judgeAll(): void {
    for (const topic of this.topics()) {
      for (const { partition, isr, leader, replicas } of topic.partitions) {
        const key = keyOf({ topicId: topic.id, partition });
        if (leader === null || isr.length < REPLICAS || replicas.length > REPLICAS) {
          this.judge.problems.push(`${key} does not heal: ${leader} leads ${isr} of ${replicas}`);
        }
        for (const broker of leader === null ? [] : isr) {
          const log = this.disks.get(broker)?.get(key)?.log ?? [];
          this.judge.holds(key, log, `in the end broker ${broker} is in sync of ${key}`);
        }
      }
    }
    for (const { errors, broker } of this.living()) {
      for (const error of errors) this.judge.problems.push(`broker ${broker}: ${String(error)}`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.close();
  }
}

/** Brokers, and two topics of two partitions each. */
export async function chaosWorld(seed: number, { mistake, configs }: ChaosOptions = {}): Promise<ChaosWorld> {
  const draw = drawFrom(seed, "agents");
  const isOnDisk = seed % 3 === 0;
  const server = await startTestServer({ seed, latencyMs: seed % 3, ...(isOnDisk ? { log: "file" } : {}) });
  const world = new ChaosWorld(server, draw, isOnDisk, mistake);
  const brokers = REPLICAS + (seed % 3);
  for (let broker = 1; broker <= brokers; broker += 1) await world.start(broker);
  const client = await world.eventually(server.connect());
  world.admin = await world.eventually(clusterAdmin(client, { cluster: CLUSTER }));
  const changes = Object.entries(SETTINGS).map(([name, value]) => ({ op: "set", name, value }) as const);
  await world.eventually(world.admin.alterConfigs([{ entity: { type: "brokers", name: null }, changes }]));
  const topics = TOPICS.map((name, at) => ({
    name,
    partitions: 2,
    replicationFactor: REPLICAS,
    configs: { ...configs, "min.insync.replicas": String(at + 1) },
  }));
  await world.eventually(world.admin.createTopics(topics));
  return world;
}
