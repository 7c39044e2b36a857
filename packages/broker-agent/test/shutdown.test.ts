import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { clusterAdmin } from "../src/admin/admin.ts";
import { DRAIN_MS } from "../src/host/limits.ts";
import { pathsOf } from "../src/layout.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { brokerCodec, type BrokerRecord, partitionCodec } from "../src/records.ts";
import { fresh } from "./cluster.ts";
import { leaderWorld } from "./leaders.ts";
import { CLUSTER, SESSION_MS, startOn, type StartedBroker, type StartOptions } from "./hosts.ts";

const paths = pathsOf(CLUSTER);

/** Real brokers with a controller among them, and a topic `t`. */
async function cluster(
  server: TestServer,
  ids: readonly number[],
  topic: { readonly partitions: number; readonly replicationFactor: number },
  options: StartOptions = {},
): Promise<StartedBroker[]> {
  const brokers: StartedBroker[] = [];
  for (const id of ids) brokers.push(await startOn(server, id, options));
  const client = await server.connect();
  const admin = await clusterAdmin(client, { cluster: CLUSTER });
  const creating = admin.createTopics([{ name: "t", ...topic }]);
  await server.clock.advance(1_000);
  for (const { error } of await creating) expect(error).toBeUndefined();
  await admin[Symbol.asyncDispose]();
  await client.close();
  return brokers;
}

/** As the server has them. */
function partitions(server: TestServer): PartitionState[] {
  const found = server.dump().filter(({ path }) => /\/partitions\/[^/]+\/\d+$/.test(path));
  return found.map(({ data }) => partitionCodec.decode(data));
}

function records(server: TestServer): BrokerRecord[] {
  const found = server.dump().filter(({ path }) => path.startsWith(`${paths.brokers}/`));
  return found.map(({ data }) => brokerCodec.decode(data));
}

const ledBy = (server: TestServer, id: number): number =>
  partitions(server).filter(({ leader }) => leader === id).length;

/** Resolves with what it came to, and how long it took. */
async function timed<T>(server: TestServer, promise: Promise<T>, stepMs = 50): Promise<{ value: T; ms: number }> {
  const began = server.clock.now;
  let value: { readonly is: T } | undefined;
  void promise.then((is) => {
    value = { is };
  });
  for (let steps = 0; value === undefined; steps += 1) {
    if (steps > 2_000) throw new Error("it does not end");
    await server.clock.advance(stepMs);
  }
  return { value: value.is, ms: server.clock.now - began };
}

describe("a broker that shuts down", () => {
  test("hands its leaderships over, waits until all others have seen that, and then leaves", async () => {
    await using server = await startTestServer();
    const [one, ...others] = await cluster(server, [1, 2, 3], { partitions: 12, replicationFactor: 3 });
    expect(ledBy(server, 1)).toBe(4);
    let lastMove = 0;
    one!.agent.image.on(({ partitions: moved, zxid }) => {
      if (moved.some(({ before, now }) => before?.state.leader === 1 && now?.state.leader !== 1)) lastMove = zxid;
    });
    const seenAtEnd: (number | null)[] = [];
    one!.agent.signal.addEventListener("abort", () => {
      expect(ledBy(server, 1)).toBe(0);
      for (const { id, seenZxid } of records(server)) if (id !== 1) seenAtEnd.push(seenZxid);
    });
    const { value, ms } = await timed(server, one!.agent.shutdown());
    expect([value, ms < 1_000]).toEqual([{ stillLed: 0 }, true]);
    expect(seenAtEnd).toHaveLength(2);
    for (const seen of seenAtEnd) expect(seen).toBeGreaterThanOrEqual(lastMove);
    expect(lastMove).toBeGreaterThan(0);
    await server.clock.advance(1_000);
    for (const { leader, isr } of partitions(server)) expect([isr.includes(1), leader === 1]).toEqual([false, false]);
    expect(records(server).map(({ id, seenZxid }) => [id, seenZxid])).toEqual([
      [2, null],
      [3, null],
    ]);
    for (const { host } of others) expect(host.errors).toEqual([]);
    // It was told of the end of each part, of each before it left, and of no loss.
    expect(one!.host.lines.filter((line) => line.startsWith("stop"))).toHaveLength(12);
    expect(one!.host.lines.filter((line) => /delete|lost/.test(line))).toEqual([]);
    expect([...one!.host.following.values(), ...one!.host.leading.values()]).toEqual([]);
    expect(one!.agent.status).toBe("closed");
  });

  test("tells nobody how far it has seen while nobody drains, and few times while somebody does", async () => {
    await using server = await startTestServer();
    const brokers = await cluster(server, [1, 2, 3, 4], { partitions: 40, replicationFactor: 3 });
    const count = (): number =>
      server.requests({ op: "set" }).filter(({ path }) => path?.startsWith(paths.brokers)).length;
    expect(count()).toBe(0);
    await timed(server, brokers[3]!.agent.shutdown());
    await server.clock.advance(1_000);
    // `draining` of the one; of each other one at the beginning, some while leaderships moved, and the end.
    expect(count()).toBeLessThanOrEqual(1 + 3 * 4);
  });

  test("is told by the others how far they have seen at most once in a while, however many transactions there are", async () => {
    await using world = await leaderWorld();
    const states = Array.from({ length: 50 }, () => fresh([2, 1]));
    await world.lead(states);
    const reports = (): number =>
      world.cluster.server.requests({ op: "set", path: world.cluster.paths.broker(1) }).length;
    await world.cluster.change(2, { status: "draining" });
    await world.idle();
    expect(reports()).toBe(1);
    for (const at of states.keys()) await world.write(fresh([2, 1], { leader: 1, leaderEpoch: 1 }), at);
    expect(reports()).toBe(1);
    await world.advance(1_000);
    expect(reports()).toBe(2);
    const { mzxid } = world.cluster.stored(world.topicId, states.length - 1);
    expect(world.cluster.brokerRecord(1)?.seenZxid).toBe(mzxid);
    await world.cluster.change(2, { status: "active" });
    await world.advance(1_000);
    expect([reports(), world.cluster.brokerRecord(1)?.seenZxid]).toEqual([3, null]);
  });

  test("waits for one that cannot say what it has seen, until that one's session is over", async () => {
    await using server = await startTestServer();
    const brokers = await cluster(server, [1, 2, 3], { partitions: 6, replicationFactor: 3 });
    server.faults.partition(brokers[2]!.client);
    const { value, ms } = await timed(server, brokers[1]!.agent.shutdown());
    expect(value).toEqual({ stillLed: 0 });
    expect(ms).toBeGreaterThan(SESSION_MS / 2);
    expect(ms).toBeLessThan(DRAIN_MS);
  });

  test("that leads nothing waits, too, until all know that it leaves: so nobody makes it leader after that", async () => {
    await using server = await startTestServer();
    const [one, two] = [await startOn(server, 1), await startOn(server, 2)];
    server.faults.partition(one.client);
    const { value, ms } = await timed(server, two.agent.shutdown());
    expect([value, ms > SESSION_MS / 2, ms < DRAIN_MS]).toEqual([{ stillLed: 0 }, true, true]);
  });

  test("goes when its time is over, and says what it still led, if nobody takes that from it", async () => {
    await using server = await startTestServer();
    const brokers = await cluster(server, [1, 2], { partitions: 4, replicationFactor: 2 });
    // The controller is cut off; its session is longer than the time given.
    const other = brokers.find(({ agent }) => agent.controller?.isMe !== true) as StartedBroker;
    const controller = brokers.find(({ agent }) => agent.controller?.isMe === true) as StartedBroker;
    server.faults.partition(controller.client);
    const { value, ms } = await timed(server, other.agent.shutdown({ timeoutMs: 2_000 }));
    expect(value).toEqual({ stillLed: 2 });
    expect(ms).toBeLessThanOrEqual(2_100);
    expect(records(server).map(({ id }) => id)).toEqual([controller.agent.id]);
  });

  test("does not wait for what nobody could take: partitions that only it has, and those it is alone in sync of", async () => {
    await using server = await startTestServer();
    const brokers = await cluster(server, [1, 2], { partitions: 4, replicationFactor: 1 });
    const { value, ms } = await timed(server, brokers[0]!.agent.shutdown());
    expect([value, ms < 1_000]).toEqual([{ stillLed: 2 }, true]);
    const last = await timed(server, brokers[1]!.agent.shutdown());
    expect([last.value, last.ms < 1_000]).toEqual([{ stillLed: 2 }, true]);
    expect(records(server)).toEqual([]);
  });

  test("that is controller goes on being it until its leaderships have gone, and another one follows", async () => {
    await using server = await startTestServer();
    const brokers = await cluster(server, [1, 2, 3], { partitions: 6, replicationFactor: 3 });
    const leaving = brokers.find(({ agent }) => agent.controller?.isMe === true) as StartedBroker;
    const epoch = leaving.agent.controller?.epoch as number;
    const { value } = await timed(server, leaving.agent.shutdown());
    expect(value).toEqual({ stillLed: 0 });
    await server.clock.advance(500);
    for (const { agent } of brokers.filter((broker) => broker !== leaving)) {
      expect(agent.controller?.epoch).toBeGreaterThan(epoch);
    }
    // Within the time of a session nothing had to expire.
    expect(ledBy(server, leaving.agent.id)).toBe(0);
  });

  test("without draining leaves at once, also if it was draining already, and its client is left open and empty", async () => {
    await using server = await startTestServer();
    const brokers = await cluster(server, [1, 2], { partitions: 2, replicationFactor: 2 });
    server.faults.partition(brokers[1]!.client);
    const draining = brokers[0]!.agent.shutdown();
    await server.clock.advance(100);
    expect(brokers[0]!.agent.status).toBe("draining");
    const leaving = brokers[0]!.agent.shutdown({ drain: false });
    expect(brokers[0]!.agent.status).toBe("closed");
    await server.clock.advance(100);
    expect(await leaving).toEqual(await draining);
    expect(brokers[0]!.client.stats()).toMatchObject({ inFlight: 0, queued: 0, watches: 0, subscriptions: 0 });
    expect(await brokers[0]!.client.ephemerals()).toEqual([]);
    expect(brokers[0]!.client.state.name).toBe("connected");
  });

  test("whose session is lost while it drains leaves, for then it leads nothing", async () => {
    await using server = await startTestServer();
    const brokers = await cluster(server, [1, 2], { partitions: 2, replicationFactor: 2 });
    const { client, agent } = brokers[0]!;
    server.faults.partition(brokers[1]!.client);
    const draining = agent.shutdown();
    await server.clock.advance(100);
    await server.faults.expire(client);
    const { value } = await timed(server, draining);
    expect(value.stillLed).toBe(0);
    expect(records(server).some(({ id }) => id === 1)).toBe(false);
  });

  test("by await using leaves without draining", async () => {
    await using server = await startTestServer();
    {
      await using _ = (await startOn(server, 1)).agent;
      expect(records(server)).toHaveLength(1);
    }
    expect(records(server)).toEqual([]);
  });

  test("loses the reply to any of its requests, and leaves all the same", async () => {
    for (let nth = 1; nth <= 4; nth += 1) {
      await using server = await startTestServer();
      const brokers = await cluster(server, [1, 2, 3], { partitions: 6, replicationFactor: 3 });
      const leaving = brokers[2]!;
      const dropping = server.faults.dropReply({ client: 3, nth });
      const { value } = await timed(server, leaving.agent.shutdown());
      expect([nth, value]).toEqual([nth, { stillLed: 0 }]);
      await server.clock.advance(SESSION_MS);
      expect(records(server).map(({ id }) => id)).toEqual([1, 2]);
      dropping.end();
    }
  });
});

describe("a client that is closed below a broker", () => {
  test("ends it for good, and the host is told that it lost everything", async () => {
    await using server = await startTestServer();
    const [one] = await cluster(server, [1, 2], { partitions: 2, replicationFactor: 2 });
    await one!.client.close();
    expect(one!.agent.status).toBe("closed");
    expect(one!.host.lines.filter((line) => line.startsWith("lost"))).toHaveLength(1);
    expect(one!.host.leading.size + one!.host.following.size).toBe(0);
    expect(await one!.agent.shutdown()).toEqual({ stillLed: 0 });
    expect(one!.host.errors).toEqual([]);
  });
});
