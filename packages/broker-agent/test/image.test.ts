/** The image of a cluster: what is on the server, all of it and nothing else, whatever happens in between. */
import { op } from "@corral/client";
import { describe, expect, test } from "vitest";
import { ClusterImage } from "../src/image/cluster-image.ts";
import type { Delta } from "../src/image/views.ts";
import { topicCodec } from "../src/records.ts";
import { fresh, startCluster } from "./cluster.ts";
import { expectAsNew, opened, type Opened, write } from "./imaging.ts";

describe("an image", () => {
  test("has the brokers with their epochs, and the topics and partitions as they stand on the server", async () => {
    const { cluster, image } = await opened();
    await using _ = cluster;
    const id = await cluster.topic("my.orders", {
      replicas: [
        [1, 2],
        [2, 3],
      ],
    });
    await cluster.configure("topics", "my%2Eorders", { "min.insync.replicas": "2" });
    expect([...image.brokers()].map((one) => [one.id, one.epoch])).toEqual(
      cluster.brokers.map((one) => [one.id, one.registration.epoch]),
    );
    expect(image.cluster?.clusterId).toBe("cluster-of-tests");
    expect(image.topic("my.orders")).toMatchObject({ id, partitions: 2, version: 0 });
    expect(image.topicById(id)).toBe(image.topic("my.orders"));
    expect(image.partition(id, 1)).toMatchObject({ ...cluster.stored(id, 1), topicId: id, partition: 1 });
    expect([...image.keptBy(2)].map(({ partition }) => partition)).toEqual([0, 1]);
    expect([...image.keptBy(3)].map(({ partition }) => partition)).toEqual([1]);
    expect(image.config("topics", "my%2Eorders")?.values).toEqual({ "min.insync.replicas": "2" });
  });

  test("tells each transaction as one change, with what was before and what is now", async () => {
    const { cluster, image, deltas } = await opened();
    await using _ = cluster;
    const id = await cluster.topic("orders", {
      replicas: [
        [1, 2],
        [2, 3],
      ],
    });
    const before = [0, 1].map((at) => image.partition(id, at));
    deltas.length = 0;
    const json = (state: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(state));
    await cluster.client.multi([
      op.set(cluster.paths.partition(id, 0), json(fresh([1, 3]))),
      op.delete(cluster.paths.partition(id, 1)),
    ]);
    expect(deltas).toHaveLength(1);
    const [delta] = deltas as [Delta];
    expect(delta.partitions.map((one) => one.before)).toEqual(before);
    expect(delta.partitions.map(({ now }) => now?.state.replicas)).toEqual([[1, 3], undefined]);
    expect(delta.zxid).toBe(image.zxid);
    expect([...image.keptBy(2)]).toEqual([]);
    expect([...image.keptBy(3)]).toEqual([image.partition(id, 0)]);
  });

  test("knows requests in the order in which they were asked, and of results and candidates nothing", async () => {
    const { cluster, image, deltas } = await opened();
    await using _ = cluster;
    const record = (key: string) => JSON.stringify({ op: "any", args: null, key, by: "me" });
    for (const key of ["a", "b", "c"]) await write(cluster, `${cluster.paths.requests}/r-${key}`, record(key));
    await write(cluster, `${cluster.paths.requests}/r-b`, record("bb"));
    expect(image.requests().map(({ key }) => key)).toEqual(["a", "bb", "c"]);
    deltas.length = 0;
    await write(cluster, `${cluster.paths.results}/a`, "not even JSON");
    await write(cluster, `${cluster.paths.controller}/candidate`, "nor this");
    expect(deltas).toEqual([]);
    expect(image.unreadable().size).toBe(0);
  });

  test("follows a topic that is made again under its name with another id", async () => {
    const all = await opened();
    const { cluster, image } = all;
    await using _ = cluster;
    const old = await cluster.topic("orders", { replicas: [[1]], id: "old" });
    await cluster.client.delete(cluster.paths.topic("orders"));
    const id = await cluster.topic("orders", { replicas: [[2]], id: "new" });
    expect([image.topicById(old), image.topicById(id)?.id, image.topic("orders")?.id]).toEqual([
      undefined,
      "new",
      "new",
    ]);
    // Without its own znode the old one's partitions are there still.
    expect([...image.topicIds()]).toEqual(["old", "new"]);
    const record = { ...image.topic("orders")!, id: "third" };
    await cluster.client.set(cluster.paths.topic("orders"), record, { codec: topicCodec });
    expect([image.topicById("new"), image.topicById("third")?.name]).toEqual([undefined, "orders"]);
    await expectAsNew(all);
  });
});

describe("after a gap", () => {
  /** Everything changes while the client cannot hear of it. */
  async function missed(forget: boolean): Promise<Opened & { ids: readonly string[]; epoch: number | undefined }> {
    const all = await opened();
    const { cluster, client } = all;
    const ids = [
      await cluster.topic("changed", {
        replicas: [
          [1, 2],
          [2, 3],
        ],
      }),
      await cluster.topic("gone", { replicas: [[1]] }),
    ];
    await all.image.atLeast(await client.sync());
    const epoch = cluster.broker(2).registration.epoch;
    all.deltas.length = 0;
    const cutOff = cluster.server.faults.partition(client);
    await cluster.bounce(2);
    await cluster.write(ids[0] as string, 0, fresh([1, 3]));
    await cluster.client.delete(cluster.paths.topic("gone"));
    await cluster.client.delete(cluster.paths.partitionsOf(ids[1] as string), { recursive: true });
    ids.push(await cluster.topic("new", { replicas: [[3, 2]] }));
    await cluster.configureAll({ any: "thing" });
    if (forget) cluster.server.faults.forgetHistory();
    cluster.server.faults.cut(client);
    cutOff.end();
    await cluster.settle(2_000);
    return { ...all, ids, epoch };
  }

  test("that the server remembers, every transaction is told, in order", async () => {
    const all = await missed(false);
    await using _ = all.cluster;
    const zxids = all.deltas.map(({ zxid }) => zxid);
    expect(zxids.length).toBeGreaterThan(5);
    expect(zxids).toEqual(zxids.toSorted((a, b) => a - b));
    await expectAsNew(all);
  });

  test("that the server has forgotten, the difference is told at once, with the brokers that were another life", async () => {
    const all = await missed(true);
    const { cluster, deltas, image, ids, epoch } = all;
    await using _ = cluster;
    expect(deltas).toHaveLength(1);
    const [delta] = deltas as [Delta];
    expect(delta.brokers.map(({ before, now }) => [before?.id, before?.epoch, now?.epoch])).toEqual([
      [2, epoch, cluster.broker(2).registration.epoch],
    ]);
    expect(new Set(delta.topics.map(({ before, now }) => `${before?.name} > ${now?.name}`))).toEqual(
      new Set(["gone > undefined", "undefined > new"]),
    );
    expect(delta.partitions).toHaveLength(3);
    expect(delta.configs).toHaveLength(1);
    expect(image.partition(ids[0] as string, 0)?.state.replicas).toEqual([1, 3]);
    await expectAsNew(all);
  });

  test("of a whole session it goes on", async () => {
    const all = await opened();
    await using _ = all.cluster;
    await all.cluster.server.faults.expire(all.client);
    const id = await all.cluster.topic("orders", { replicas: [[1]] });
    await all.cluster.settle(2_000);
    expect(all.image.partition(id, 0)?.state).toEqual(fresh([1]));
    await expectAsNew(all);
  });
});

describe("the end of an image", () => {
  test("is told by its signal, and every read throws why", async () => {
    const { cluster, client, image } = await opened();
    await using _ = cluster;
    await image.close();
    expect(image.signal.reason).toMatchObject({ code: "CLOSED" });
    const reads = [
      () => image.zxid,
      () => image.cluster,
      () => image.brokers(),
      () => image.broker(1),
      () => image.topics(),
      () => image.topic("a"),
      () => image.topicById("a"),
      () => image.partition("a", 0),
      () => image.partitionsOf("a"),
      () => image.topicIds(),
      () => image.keptBy(1),
      () => image.keepers(),
      () => image.config("a", "b"),
      () => image.configs(),
      () => image.requests(),
      () => image.unreadable(),
      () => image.on(() => undefined),
    ];
    for (const read of reads) expect(read).toThrow(/CLOSED/);
    await cluster.settle(100);
    expect(client.stats().subscriptions).toBe(0);
  });

  test("comes when the cluster is too large for it, with the limit", async () => {
    await using cluster = await startCluster();
    const image = await ClusterImage.open(cluster.client, cluster.paths, { entriesMax: 20 });
    await cluster.topic("orders", { replicas: Array.from({ length: 20 }, () => [1]) });
    await cluster.server.clock.runUntilIdle();
    expect(image.signal.reason).toMatchObject({ code: "LIMIT_EXCEEDED", limit: 20 });
    expect(() => image.topic("orders")).toThrow(/LIMIT_EXCEEDED/);
  });
});

test("a listener that throws keeps nothing from the others, and nothing from the image", async () => {
  const { cluster, image, deltas } = await opened();
  await using _ = cluster;
  const stop = image.on(() => {
    throw new Error("planted");
  });
  const later: Delta[] = [];
  image.on((delta) => later.push(delta));
  await cluster.configureAll({ any: "thing" });
  stop();
  expect([deltas.length, later.length]).toEqual([1, 1]);
  expect(image.config("brokers", "<default>")?.values).toEqual({ any: "thing" });
  // By itself, where whoever watches over the process sees it.
  await expect(cluster.settle(1)).rejects.toThrow("planted");
  await cluster.configureAll({ any: "other" });
  expect([deltas.length, later.length]).toEqual([2, 2]);
});
