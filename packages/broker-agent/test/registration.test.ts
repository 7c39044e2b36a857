import { type Entry, isCorralError, json, op } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { pathsOf } from "../src/layout.ts";
import { brokerCodec, type BrokerRecord, clusterCodec, type ClusterRecord } from "../src/records.ts";
import { CLUSTER, Host, SESSION_MS, startOn } from "./hosts.ts";

const paths = pathsOf(CLUSTER);
const WRITES = new Set(["create", "set", "delete", "deleteTree", "multi", "multiEach"]);

function recordOf(server: TestServer, id: number): BrokerRecord | undefined {
  const found = server.dump().find(({ path }) => path === paths.broker(id));
  return found === undefined ? undefined : brokerCodec.decode(found.data);
}

function clusterOf(server: TestServer): ReturnType<typeof clusterCodec.decode> {
  return clusterCodec.decode(server.dump().find(({ path }) => path === paths.cluster)?.data ?? null);
}

/** As an administrator raises a feature. */
const raised =
  (txn: number) =>
  (now: Entry<ClusterRecord> | undefined): ClusterRecord => ({ ...(now?.value as ClusterRecord), features: { txn } });

const writes = (server: TestServer): number => server.requests().filter((request) => WRITES.has(request.op)).length;

describe("a broker registers", () => {
  test("its endpoints, rack and features stand in an ephemeral of its session, and its epoch is the czxid of that", async () => {
    await using server = await startTestServer();
    const endpoints = [
      { name: "clients", host: "a", port: 9092 },
      { name: "replication", host: "a", port: 9093 },
    ];
    const { agent, client } = await startOn(server, 7, {
      endpoints,
      rack: "r1",
      features: { txn: { min: 1, max: 2 } },
    });
    const znode = server.dump().find(({ path }) => path === paths.broker(7));
    expect(recordOf(server, 7)).toMatchObject({ id: 7, endpoints, rack: "r1", features: { txn: { min: 1, max: 2 } } });
    expect(znode?.owner).toBe(client.session?.id);
    expect(agent.epoch).toBe(znode?.czxid);
    expect([agent.id, agent.status, agent.isValid]).toEqual([7, "active", true]);
    expect(agent.leaseRemainingMs).toBeGreaterThan(SESSION_MS * 0.9);
  });

  test("with an id that is registered it is refused, and told who has it", async () => {
    await using server = await startTestServer();
    await startOn(server, 1);
    const refused = startOn(server, 1, { endpoints: [{ name: "clients", host: "other", port: 1 }] });
    await expect(refused).rejects.toMatchObject({ code: "NODE_EXISTS" });
    await expect(refused).rejects.toThrow(/broker 1 is registered already: at clients:\/\/host-1:9092/);
  });

  test("with an id that is registered it can wait for the end of that session, and gets a greater epoch", async () => {
    await using server = await startTestServer();
    const first = await startOn(server, 1);
    const { epoch } = first.agent;
    const waiting = startOn(server, 1, { onDuplicate: "wait", endpoints: [{ name: "clients", host: "new", port: 1 }] });
    await server.clock.advance(60_000);
    expect(recordOf(server, 1)?.endpoints[0]?.host).toBe("host-1");
    server.faults.partition(first.client);
    await server.clock.advance(2 * SESSION_MS);
    const { agent } = await waiting;
    expect(agent.epoch).toBeGreaterThan(epoch as number);
    expect(recordOf(server, 1)?.endpoints[0]?.host).toBe("new");
    // The one that was cut off is over for good, and says so.
    expect(first.agent.isValid).toBe(false);
  });

  test("with an endpoint of another broker it is refused before anything is written", async () => {
    await using server = await startTestServer();
    await startOn(server, 1, { canBeController: false });
    await server.clock.runUntilIdle();
    const before = writes(server);
    const refused = startOn(server, 2, { endpoints: [{ name: "other", host: "HOST-1", port: 9092 }] });
    await expect(refused).rejects.toThrow(
      /broker 1 is registered with host-1:9092|broker 1 is registered with HOST-1/i,
    );
    expect(writes(server)).toBe(before);
  });

  test("two brokers with one endpoint that come at the same moment: one stays, the other leaves nothing behind", async () => {
    await using server = await startTestServer();
    const endpoints = [{ name: "clients", host: "same", port: 9092 }];
    const both = [1, 2].map((id) => startOn(server, id, { endpoints }));
    const outcomes = await Promise.allSettled(both);
    const stayed = [1, 2].filter((_, at) => outcomes[at]?.status === "fulfilled");
    expect(stayed).toHaveLength(1);
    const refused = outcomes.find((outcome) => outcome.status === "rejected");
    expect(isCorralError(refused?.reason, "NODE_EXISTS")).toBe(true);
    expect([1, 2].filter((id) => recordOf(server, id) !== undefined)).toEqual(stayed);
  });

  test("whatever request or reply gets lost while it starts, it stands there once, with the epoch that it knows", async () => {
    for (const fault of ["dropReply", "dropRequest"] as const) {
      for (let nth = 1; nth <= 6; nth += 1) {
        await using server = await startTestServer();
        await startOn(server, 9);
        const dropping = server.faults[fault]({ client: 2, nth });
        const starting = startOn(server, "auto", { endpoints: [{ name: "clients", host: "x", port: 1 }] });
        await server.clock.advance(SESSION_MS);
        const { agent } = await starting;
        expect(dropping.hits).toBe(1);
        const znode = server.dump().find(({ path }) => path === paths.broker(agent.id));
        expect(agent.epoch).toBe(znode?.czxid);
        expect(agent.id).toBe(1_001);
      }
    }
  });
});

describe("ids that are drawn", () => {
  test("are 1001, 1002 and so on, each given once, also to those who come together", async () => {
    await using server = await startTestServer();
    const at = (port: number) => ({ endpoints: [{ name: "clients", host: "h", port }] });
    const first = await startOn(server, "auto", at(1));
    const coming = Promise.all([2, 3, 4].map((port) => startOn(server, "auto", at(port))));
    await server.clock.advance(1_000);
    const others = await coming;
    expect([first, ...others].map(({ agent }) => agent.id).toSorted((a, b) => a - b)).toEqual([
      1_001, 1_002, 1_003, 1_004,
    ]);
    await first.agent.shutdown({ drain: false });
    expect((await startOn(server, "auto", at(5))).agent.id).toBe(1_005);
  });

  test("pass by those that people have given", async () => {
    await using server = await startTestServer();
    await startOn(server, 1_001);
    expect((await startOn(server, "auto")).agent.id).toBe(1_002);
  });
});

describe("the cluster", () => {
  test("is founded by the first broker, in one transaction, and the same for all", async () => {
    await using server = await startTestServer();
    const started = await Promise.all([1, 2, 3].map((id) => startOn(server, id)));
    const ids = new Set(started.map(({ agent }) => agent.clusterId));
    expect(ids).toEqual(new Set([clusterOf(server).clusterId]));
    expect(clusterOf(server).clusterId).toMatch(/^[0-9a-f]{32}$/);
  });

  test("is founded once though the reply to that is lost", async () => {
    await using server = await startTestServer();
    const dropping = server.faults.dropReply({ op: "multi" });
    const starting = startOn(server, 1);
    await server.clock.advance(SESSION_MS);
    expect(dropping.hits).toBe(1);
    expect((await starting).agent.clusterId).toBe(clusterOf(server).clusterId);
  });

  test("of another id than the broker's is refused, and nothing is written", async () => {
    await using server = await startTestServer();
    const { agent } = await startOn(server, 1, { canBeController: false });
    await server.clock.runUntilIdle();
    const before = writes(server);
    const refused = startOn(server, 2, { clusterId: "another" });
    await expect(refused).rejects.toThrow(
      new RegExp(`the cluster here is ${agent.clusterId}, and this broker is of another`),
    );
    await expect(refused).rejects.toMatchObject({ code: "BAD_ARGUMENTS", outcome: "no" });
    expect(writes(server)).toBe(before);
    expect((await startOn(server, 2, { clusterId: agent.clusterId })).agent.id).toBe(2);
  });

  test("is not founded by a broker that was in one before", async () => {
    await using server = await startTestServer();
    await expect(startOn(server, 1, { clusterId: "mine" })).rejects.toThrow(/there is no cluster here/);
    expect(writes(server)).toBe(0);
  });
});

describe("features", () => {
  test("of a new cluster are those of its founder at their best, and brokers without them are refused", async () => {
    await using server = await startTestServer();
    await startOn(server, 1, { features: { txn: { min: 1, max: 3 }, tiers: { min: 0, max: 0 } } });
    expect(clusterOf(server).features).toEqual({ txn: 3, tiers: 0 });
    await expect(startOn(server, 2)).rejects.toThrow(/level 3 of feature txn, and this broker has levels 0 to 0/);
    await expect(startOn(server, 2, { features: { txn: { min: 4, max: 5 } } })).rejects.toThrow(/levels 4 to 5/);
    expect(recordOf(server, 2)).toBeUndefined();
    expect((await startOn(server, 2, { features: { txn: { min: 1, max: 5 } } })).agent.id).toBe(2);
  });

  test("that are finalized while a broker comes, and are none of its own, end it", async () => {
    await using server = await startTestServer();
    const { client } = await startOn(server, 1, { features: { txn: { min: 1, max: 2 } } });
    await client.update(paths.cluster, raised(1), { codec: clusterCodec });
    const second = await startOn(server, 2, { features: { txn: { min: 1, max: 1 } } });
    await client.update(paths.cluster, raised(2), { codec: clusterCodec });
    await server.clock.runUntilIdle();
    expect(second.agent.status).toBe("closed");
    expect(second.agent.signal.reason).toMatchObject({ code: "BAD_ARGUMENTS", limitName: "features.txn" });
    expect(second.host.lines).toEqual(["lost BAD_ARGUMENTS"]);
    expect(recordOf(server, 2)).toBeUndefined();
  });
});

describe("options that cannot be meant", () => {
  const endpoint = { name: "clients", host: "h", port: 1 };
  test.each([
    ["an id that is none", { id: -1 }, /id is -1/],
    ["no endpoint", { endpoints: [] }, /endpoints is empty/],
    ["a port that is none", { endpoints: [{ ...endpoint, port: 70_000 }] }, /endpoints\[0\]\.port is 70000/],
    ["a name of two endpoints", { endpoints: [endpoint, { ...endpoint, port: 2 }] }, /the name clients twice/],
    ["a level above the highest", { features: { f: { min: 2, max: 1 } } }, /features\.f\.max is 1/],
    ["data on disk of no cluster", { onDisk: [{ topic: "t", topicId: "i", partition: 0 }] }, /onDisk wants clusterId/],
  ])("%s is refused before anything is asked", async (_, change, why) => {
    await using server = await startTestServer();
    await expect(startOn(server, 1, change)).rejects.toThrow(why);
    expect(writes(server)).toBe(0);
  });
});

describe("what a broker says of itself", () => {
  test("endpoints and rack can change at run time, for all to see; not to those of another broker", async () => {
    await using server = await startTestServer();
    const [first, second] = [await startOn(server, 1), await startOn(server, 2)];
    const moved = [{ name: "clients", host: "elsewhere", port: 1 }];
    const { epoch } = first.agent;
    await first.agent.setEndpoints(moved, "r2");
    await server.clock.runUntilIdle();
    expect(second.agent.image.broker(1)).toMatchObject({ endpoints: moved, rack: "r2", epoch });
    await expect(second.agent.setEndpoints(moved)).rejects.toMatchObject({ code: "NODE_EXISTS" });
    await first.agent.setEndpoints(moved);
    expect(recordOf(server, 1)?.rack).toBe("r2");
  });

  test("it comes fenced if it wants, leads nothing then, and leads when it is activated", async () => {
    await using server = await startTestServer();
    const { agent, host, client } = await startOn(server, 1, { startAs: "fenced" });
    const state = {
      replicas: [1],
      adding: [],
      removing: [],
      leader: null,
      leaderEpoch: 0,
      isr: [1],
      recovering: false,
    };
    const topic = { name: "t", id: "t1", state: "live", partitions: 1, replicationFactor: 1, growth: null };
    const codec = json<unknown>();
    await client.multi([
      op.create(paths.topic("t"), topic, { codec }),
      op.create(paths.partitionsOf("t1")),
      op.create(paths.partition("t1", 0), state, { codec }),
    ]);
    await server.clock.advance(1_000);
    expect([agent.status, host.taken()]).toEqual(["fenced", ["follow t-0 nobody@0"]]);
    await agent.activate();
    await server.clock.advance(1_000);
    expect([agent.status, host.taken()]).toEqual(["active", ["lead t-0 @1"]]);
  });

  test("one that drains is not activated any more", async () => {
    await using server = await startTestServer();
    const { agent } = await startOn(server, 1);
    const leaving = agent.shutdown();
    await expect(agent.activate()).rejects.toMatchObject({ code: "BAD_ARGUMENTS" });
    await leaving;
  });
});

describe("another life", () => {
  test("after its session was lost it registers by itself, with a greater epoch, what it said last, and is told anew", async () => {
    await using server = await startTestServer();
    const { agent, client, host } = await startOn(server, 1, { host: new Host() });
    const before = agent.epoch as number;
    await agent.setEndpoints([{ name: "clients", host: "later", port: 5 }]);
    await server.faults.expire(client);
    await server.clock.runUntilIdle();
    expect(agent.epoch).toBeGreaterThan(before);
    expect(recordOf(server, 1)?.endpoints[0]?.host).toBe("later");
    expect(host.taken()).toEqual(["lost SESSION_EXPIRED"]);

    // Cut off, it is no broker before it is back.
    const cut = server.faults.partition(client);
    await server.clock.advance(2 * SESSION_MS);
    expect([agent.status, agent.epoch, agent.isValid]).toEqual(["unregistered", undefined, false]);
    const middle = agent.epoch ?? before;
    cut.end();
    await server.clock.advance(SESSION_MS);
    expect([agent.status, agent.isValid]).toEqual(["active", true]);
    expect(agent.epoch).toBeGreaterThan(middle);
    expect(host.taken()).toEqual(["doubt", "lost SESSION_EXPIRED"]);
  });

  test("when somebody deletes its znode, too", async () => {
    await using server = await startTestServer();
    const { agent, host } = await startOn(server, 1);
    const before = agent.epoch as number;
    const admin = await server.connect();
    await admin.delete(paths.broker(1));
    await server.clock.advance(1_000);
    expect(agent.epoch).toBeGreaterThan(before);
    expect(host.lines).toEqual(["lost GUARD_FAILED"]);
  });

  test("there is none if another took its id while it was away: it is over for good", async () => {
    await using server = await startTestServer();
    const first = await startOn(server, 1);
    const cut = server.faults.partition(first.client);
    const second = startOn(server, 1, { onDuplicate: "wait", endpoints: [{ name: "clients", host: "b", port: 1 }] });
    await server.clock.advance(3 * SESSION_MS);
    expect((await second).agent.isValid).toBe(true);
    cut.end();
    await server.clock.advance(3 * SESSION_MS);
    expect(first.agent.status).toBe("closed");
    expect(first.agent.signal.reason).toMatchObject({ code: "NODE_EXISTS" });
    expect(first.host.lines).toEqual(["doubt", "lost SESSION_EXPIRED"]);
    expect((await second).agent.isValid).toBe(true);
  });
});
