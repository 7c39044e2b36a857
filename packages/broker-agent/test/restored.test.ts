/** Brokers that outlived their cluster's metadata: they come back to what was restored, and lose none of their data. */
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { clusterAdmin } from "../src/admin/admin.ts";
import type { ClusterDump } from "../src/admin/dump-api.ts";
import { topicCodec } from "../src/records.ts";
import { fresh, startCluster } from "./cluster.ts";
import { CLUSTER, Host, startOn } from "./hosts.ts";

const ID = { topic: "orders", topicId: "id-of-orders", partition: 0 };
const DUMP: ClusterDump = {
  format: 1,
  cluster: CLUSTER,
  clusterId: "cluster-of-tests",
  zxid: 1,
  features: {},
  topics: [
    {
      name: "orders",
      id: ID.topicId,
      state: "live",
      partitions: 1,
      replicationFactor: 2,
      growth: null,
      states: { 0: fresh([7, 8]) },
    },
  ],
  configs: [{ type: "brokers", entity: "<default>", values: { "num.partitions": "4" } }],
};
const OWN = { clusterId: "cluster-of-tests", onDisk: [ID] };

describe("a broker with data, whose cluster is being restored", () => {
  test.each(["/clusters/test/config", "/clusters/test/partitions/id-of-orders", "/clusters/test/topics/orders"])(
    "is refused while that is broken off, and let in when it was done again: before %s",
    async (path) => {
      await using server = await startTestServer();
      const client = await server.connect();
      const admin = await clusterAdmin(client, { cluster: CLUSTER });
      const lost = server.faults.dropRequest({ op: "create", path });
      const restoring = admin.restore(DUMP);
      restoring.catch(() => undefined);
      await server.clock.runUntilIdle();
      expect(lost.hits).toBe(1);
      // Whoever restores is never heard of again.
      server.faults.partition(client);
      const early = new Host();
      await expect(startOn(server, 7, { ...OWN, host: early })).rejects.toThrow("is being restored");
      expect(early.lines).toEqual([]);

      const another = await clusterAdmin(await server.connect(), { cluster: CLUSTER });
      await another.restore(DUMP, { force: true });
      const { host } = await startOn(server, 7, OWN);
      await server.clock.advance(1_000);
      expect(host.lines).toEqual(["follow orders-0 nobody@1000", "lead orders-0 @1001"]);
    },
  );

  test("is part of a cluster that was restored where there was none", async () => {
    await using server = await startTestServer();
    const admin = await clusterAdmin(await server.connect(), { cluster: CLUSTER });
    await admin.restore(DUMP);
    const { host } = await startOn(server, 7, OWN);
    await server.clock.advance(1_000);
    expect(host.lines).toEqual(["follow orders-0 nobody@1000", "lead orders-0 @1001"]);
  });
});

describe("a topic whose own record is gone or cannot be read, while its partitions are there", () => {
  test.each(["gone", "unreadable"])("is led by nobody, and nobody drops its data: %s", async (how) => {
    await using cluster = await startCluster({ brokers: [{ id: 2 }] });
    await cluster.topic("orders", { replicas: [[1, 2]] });
    const { client, paths } = cluster;
    if (how === "gone") await client.delete(paths.topic("orders"));
    else await client.set(paths.topic("orders"), new TextEncoder().encode("{"));
    const { host } = await startOn(cluster.server, 1, OWN);
    await cluster.settle(1_000);
    expect(host.lines).toEqual([]);
    // Somebody mends it.
    const record = {
      name: "orders",
      id: ID.topicId,
      state: "live",
      partitions: 1,
      replicationFactor: 2,
      growth: null,
    } as const;
    if (how === "gone") await client.create(paths.topic("orders"), record, { codec: topicCodec });
    else await client.set(paths.topic("orders"), record, { codec: topicCodec });
    await cluster.settle(1_000);
    // The other one was never away.
    expect(host.lines.at(-1)).toBe("follow orders-0 2@1");
  });

  test("that is lost while it is led is led no more, and its data stay", async () => {
    await using cluster = await startCluster({ brokers: [{ id: 2 }] });
    const { host } = await startOn(cluster.server, 1);
    await cluster.topic("orders", { states: [fresh([1, 2])] });
    await cluster.settle(1_000);
    const part = host.part("orders-0");
    await cluster.client.delete(cluster.paths.topic("orders"));
    await cluster.settle(1_000);
    expect([part.isValid, part.signal.aborted]).toEqual([false, true]);
    expect(host.lines.filter((line) => line.endsWith("delete"))).toEqual([]);
  });
});
