import { op } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { pathsOf } from "../src/layout.ts";
import { configCodec, type ConfigRecord } from "../src/records.ts";
import { fresh, startCluster } from "./cluster.ts";
import { CLUSTER, Host, SESSION_MS, startOn } from "./hosts.ts";

const paths = pathsOf(CLUSTER);
const values = (change: Record<string, string>): ConfigRecord => ({ values: change, by: "test", atMs: 0 });

describe("a host is told of settings", () => {
  test("that stand at the start, then of each change, as it was and is; of types and entities as they stand", async () => {
    await using cluster = await startCluster({ brokers: 0 });
    await cluster.configure("topics", "t", { a: "1" });
    const { host } = await startOn(cluster.server, 1, { canBeController: false });
    expect(host.configs).toEqual(['topics/t null -> {"a":"1"}']);
    host.configs.length = 0;
    await cluster.configure("topics", "t", { a: "2" });
    await cluster.configure("users", "alice:app", { consumer_byte_rate: "5" });
    await cluster.client.delete(cluster.paths.configOf("topics", "t"));
    await cluster.server.clock.runUntilIdle();
    expect(host.configs).toEqual([
      'topics/t {"a":"1"} -> {"a":"2"}',
      'users/alice:app null -> {"consumer_byte_rate":"5"}',
      'topics/t {"a":"2"} -> null',
    ]);
  });

  test("that change in one transaction, together, before the parts that it gives", async () => {
    await using cluster = await startCluster({ brokers: 0 });
    const order: string[] = [];
    class Ordered extends Host {
      override configChanged(change: Parameters<Host["configChanged"]>[0]): void {
        order.push(`${change.entity} @${change.zxid}`);
      }
      override lead(part: Parameters<Host["lead"]>[0]): void {
        order.push(`lead ${part.id.topic}`);
      }
    }
    await startOn(cluster.server, 1, { canBeController: false, host: new Ordered() });
    await cluster.client.create(`${cluster.paths.config}/topics`);
    const id = await cluster.topic("t", { states: [fresh([1])], state: "creating" });
    expect(id).toBe("id-of-t");
    const path = cluster.paths.topic("t");
    const { value } = await cluster.client.get(path);
    const live = new TextDecoder().decode(value ?? undefined).replace('"creating"', '"live"');
    const results = await cluster.client.multi([
      op.create(cluster.paths.configOf("topics", "a"), values({ x: "1" }), { codec: configCodec }),
      op.set(path, new TextEncoder().encode(live)),
      op.create(cluster.paths.configOf("topics", "b"), values({ x: "1" }), { codec: configCodec }),
    ]);
    await cluster.server.clock.runUntilIdle();
    const zxid = results[1].mzxid;
    expect(order).toEqual([`a @${zxid}`, `b @${zxid}`, "lead t"]);
  });

  test("a thousand times in a row, over a lost connection: each change begins where the one before ended", async () => {
    await using cluster = await startCluster({ brokers: 0 });
    const { host, client } = await startOn(cluster.server, 1, { canBeController: false });
    const writing: Promise<void>[] = [];
    for (let i = 1; i <= 1_000; i += 1) {
      writing.push(cluster.configure("topics", `t${i % 3}`, { i: String(i) }));
      if (i === 500) cluster.server.faults.cut(client);
      if (i % 100 === 0) await cluster.server.clock.advance(20);
    }
    await Promise.all(writing);
    await cluster.server.clock.advance(SESSION_MS);
    const told = new Map<string, string>();
    for (const line of host.configs) {
      const [, entity = "", before = "", now = ""] = /^topics\/(\S+) (.*) -> (.*)$/.exec(line) ?? [];
      expect(before).toBe(told.get(entity) ?? "null");
      told.set(entity, now);
    }
    for (let entity = 0; entity < 3; entity += 1) {
      const stored = cluster.server.dump().find(({ path }) => path === paths.configOf("topics", `t${entity}`));
      expect(told.get(`t${entity}`)).toBe(JSON.stringify(configCodec.decode(stored?.data ?? null).values));
    }
    expect(host.configs).toHaveLength(1_000);
  });

  test("after a gap by the difference, once, as of its parts", async () => {
    await using cluster = await startCluster({ brokers: 0 });
    const { host, client } = await startOn(cluster.server, 1, { canBeController: false });
    await cluster.configure("topics", "t", { a: "0" });
    const id = await cluster.topic("t", { states: [fresh([1, 2]), fresh([2, 1])] });
    await cluster.server.clock.runUntilIdle();
    host.configs.length = 0;
    host.taken();
    const cut = cluster.server.faults.partition(client);
    for (let a = 1; a <= 5; a += 1) {
      await cluster.configure("topics", "t", { a: String(a) });
      await cluster.write(id, 0, fresh([1, 2], { leader: (a % 2) + 1, leaderEpoch: a }));
    }
    cluster.server.faults.cut(client);
    cluster.server.faults.forgetHistory();
    cut.end();
    await cluster.server.clock.advance(SESSION_MS / 2);
    expect(host.configs).toEqual(['topics/t {"a":"0"} -> {"a":"5"}']);
    expect(host.taken().filter((line) => line !== "doubt" && line !== "confirmed")).toEqual(["follow t-0 2@5"]);
  });
});

describe("a host is told of the controller", () => {
  test("who it is, whether it is itself, and when it is another", async () => {
    await using server = await startTestServer();
    const first = await startOn(server, 1);
    await server.clock.runUntilIdle();
    const second = await startOn(server, 2);
    await server.clock.runUntilIdle();
    expect([first.agent.controller?.isMe, second.agent.controller?.isMe]).toEqual([true, false]);
    const { epoch } = second.agent.controller as { epoch: number };
    await first.agent.shutdown();
    await server.clock.runUntilIdle();
    expect(second.agent.controller).toMatchObject({ broker: 2, isMe: true });
    expect(second.agent.controller?.epoch).toBeGreaterThan(epoch);
    expect(second.host.controllers.filter((broker) => broker !== undefined)).toEqual([1, 2]);
  });

  test("that is never one that may not be it", async () => {
    await using server = await startTestServer();
    const { agent, host } = await startOn(server, 1, { canBeController: false });
    await server.clock.advance(60_000);
    expect([agent.controller, host.controllers]).toEqual([undefined, [undefined]]);
    expect(server.requests({ op: "create" }).filter(({ path }) => path?.startsWith(paths.controller))).toEqual([]);
  });

  test("settings of the host's own are known to the controller, and its policy is asked", async () => {
    await using server = await startTestServer();
    const schema = { "segment.bytes": { type: "integer", default: "10", scope: "topic", min: 1, doc: "" } } as const;
    const asked: string[] = [];
    const policy = ({ op: what }: { op: string }): string | undefined => {
      asked.push(what);
      return "not on Fridays";
    };
    await startOn(server, 1, { schema, policy });
    const { clusterAdmin } = await import("../src/admin/admin.ts");
    const admin = await clusterAdmin(await server.connect(), { cluster: CLUSTER });
    const creating = admin.createTopics([{ name: "t", configs: { "segment.bytes": "7" } }]);
    await server.clock.advance(1_000);
    const [{ error } = { error: undefined }] = await creating;
    expect(error?.code).toBe("POLICY_VIOLATION");
    expect(asked).toHaveLength(1);
    await admin[Symbol.asyncDispose]();
  });
});

describe("nothing is left behind", () => {
  test("by a broker that came, led, followed, and left: no timer, watch, subscription or znode of its own", async () => {
    await using server = await startTestServer();
    const keeper = await server.connect();
    await server.clock.runUntilIdle();
    const before = server.leaks();
    const { agent, client } = await startOn(server, 1);
    await server.clock.advance(10_000);
    await agent.shutdown();
    await client.close();
    await server.clock.runUntilIdle();
    expect(server.leaks()).toEqual(before);
    expect(await keeper.children(paths.brokers)).toEqual([]);
  });

  test("by a start that was given up", async () => {
    await using server = await startTestServer();
    await startOn(server, 1);
    await server.clock.runUntilIdle();
    const before = server.leaks();
    const stop = new AbortController();
    const starting = startOn(server, 1, {
      onDuplicate: "wait",
      endpoints: [{ name: "clients", host: "x", port: 1 }],
      signal: stop.signal,
    });
    starting.catch(() => undefined);
    await server.clock.advance(1_000);
    stop.abort();
    await expect(starting).rejects.toMatchObject({ code: "ABORTED" });
    await server.clock.advance(100);
    const { subscriptions, watches, ephemerals, waiting } = server.leaks();
    expect({ subscriptions, watches, ephemerals, waiting }).toEqual({
      subscriptions: before.subscriptions,
      watches: before.watches,
      ephemerals: before.ephemerals,
      waiting: before.waiting,
    });
  });
});
