/** Brokers with a replicated log in a world that breaks as a seed decides: whatever was acknowledged is there, for ever. */
import { startTestServer, type TestServer } from "@corral/testing";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { expect, test } from "vitest";
import { clusterAdmin, startBroker } from "../src/index.ts";
import { type Disk, Judge, keyOf, type Mistake, SimulatedHost } from "./replicated-log.ts";

const SEEDS = Number(process.env["AGENT_CHAOS_SEEDS"] ?? 12);
const FIRST_SEED = Number(process.env["AGENT_CHAOS_FIRST"] ?? 1);
const ROUNDS = 14;
const SESSION_MS = 4_000;
const CLUSTER = "chaos";
const SETTINGS = { "replica.lag.time.max.ms": "1500" };

class ChaosWorld {
  readonly judge = new Judge();
  readonly server: TestServer;
  readonly draw: Draw;
  readonly hosts = new Map<number, SimulatedHost>();
  readonly disks = new Map<number, Disk>();
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

  #living(): SimulatedHost[] {
    return [...this.hosts.values()].filter(({ isDead }) => !isDead);
  }

  /** One thing that goes wrong; some of it lasts. Resolves with what ends it. */
  async strike(): Promise<() => Promise<void> | void> {
    const { server, draw } = this;
    const { faults } = server;
    const host = oneOf(draw, this.#living());
    const { client, broker } = host;
    const long = between(draw, 200, 2 * SESSION_MS);
    const what = oneOf(draw, [
      "expire", "partition", "deaf", "mute", "stall", "sleep", "jump", "cut", "dropReply", "dropRequest", "forget",
      "restart", "unlink", "unlink", "crash", "leave", "nothing",
    ] as const); // prettier-ignore
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
        const fault = faults[what]({
          op: oneOf(draw, ["set", "multi", "multiEach", "create"]),
          nth: between(draw, 1, 3),
        });
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
      case "crash": {
        host.isDead = true;
        faults.partition(client);
        await server.clock.advance(between(draw, 0, 6_000));
        await this.start(broker);
        return () => {};
      }
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
}

async function run(seed: number, mistake?: Mistake): Promise<ChaosWorld> {
  const draw = drawFrom(seed, "agents");
  const isOnDisk = seed % 3 === 0;
  await using server = await startTestServer({ seed, latencyMs: seed % 3, ...(isOnDisk ? { log: "file" } : {}) });
  const world = new ChaosWorld(server, draw, isOnDisk, mistake);
  const brokers = 3 + (seed % 3);
  for (let broker = 1; broker <= brokers; broker += 1) await world.start(broker);
  const client = await world.eventually(server.connect());
  const admin = await world.eventually(clusterAdmin(client, { cluster: CLUSTER }));
  const changes = Object.entries(SETTINGS).map(([name, value]) => ({ op: "set", name, value }) as const);
  await world.eventually(admin.alterConfigs([{ entity: { type: "brokers", name: null }, changes }]));
  const topics = [
    { name: "one", partitions: 2, replicationFactor: 3, configs: { "min.insync.replicas": "1" } },
    { name: "two", partitions: 2, replicationFactor: 3, configs: { "min.insync.replicas": "2" } },
  ];
  await world.eventually(admin.createTopics(topics));

  for (let round = 0; round < ROUNDS; round += 1) {
    const ends = [await world.strike()];
    if (draw() < 0.4) ends.push(await world.strike());
    await server.clock.advance(between(draw, 100, 6_000));
    for (const end of ends) await end();
    await server.clock.advance(between(draw, 0, 3_000));
  }

  // Everything heals: all are in sync again, and have the same.
  const partitions = (): { id: { topicId: string; partition: number }; isr: readonly number[] }[] =>
    admin.describeTopics({ topics: ["one", "two"] }).flatMap((topic) =>
      topic.partitions.map(({ partition, isr, leader }) => ({
        id: { topicId: topic.id, partition },
        isr: leader === null ? [] : isr,
      })),
    );
  const isHealed = (): boolean => partitions().every(({ isr }) => isr.length === 3);
  for (let waited = 0; waited < 20 && (waited < 2 || !isHealed()); waited += 1) await server.clock.advance(SESSION_MS);
  for (const { id, isr } of partitions()) {
    const key = keyOf(id);
    if (isr.length < 3) world.judge.problems.push(`${key} does not heal: in sync are ${isr}`);
    for (const broker of isr) {
      const log = world.disks.get(broker)?.get(key)?.log ?? [];
      world.judge.holds(key, log, `in the end broker ${broker} is in sync of ${key}`);
    }
  }
  for (const { errors, broker, isDead } of world.hosts.values()) {
    if (!isDead) for (const error of errors) world.judge.problems.push(`broker ${broker}: ${String(error)}`);
  }
  return world;
}

test(`what was acknowledged is there, and each epoch has one leader, in ${SEEDS} worlds that break`, async () => {
  let acknowledged = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    const { judge } = await run(seed);
    expect([`seed ${seed}`, judge.problems]).toEqual([`seed ${seed}`, []]);
    acknowledged += judge.acknowledged;
  }
  expect(acknowledged).toBeGreaterThan(SEEDS * 100);
}, 90_000);

test.each<Mistake>(["acknowledges at once", "claims what it has not", "keeps what diverged", "ignores its end"])(
  "a host that %s is found out",
  async (mistake) => {
    const problems: string[] = [];
    for (let seed = 1; seed <= 20 && problems.length === 0; seed += 1) {
      problems.push(...(await run(seed, mistake)).judge.problems);
    }
    expect(problems.join("; ")).toMatch(/without|another record|does not heal|what it has not/);
  },
  60_000,
);
