/** The queue of requests: nothing holds it up, and nothing in it is done twice. */
import { op } from "@corral/client";
import { describe, expect, test } from "vitest";
import { clusterAdmin } from "../src/admin/admin.ts";
import type { Term } from "../src/controller/duty.ts";
import { requestCodec, resultCodec } from "../src/records.ts";
import { administered, type Administered, duties } from "./administering.ts";
import { stand } from "./controllers.ts";

async function put({ cluster }: Administered, record: unknown): Promise<void> {
  const bytes = record instanceof Uint8Array ? record : new TextEncoder().encode(JSON.stringify(record));
  await cluster.client.create(`${cluster.paths.requests}/r-`, bytes, { sequential: true });
}

function queue({ cluster }: Administered): string[] {
  return cluster.server.dump().flatMap(({ path }) => (path.startsWith(`${cluster.paths.requests}/`) ? [path] : []));
}

function answers({ cluster }: Administered): Record<string, unknown> {
  const below = `${cluster.paths.results}/`;
  const found = cluster.server.dump().filter(({ path }) => path.startsWith(below));
  return Object.fromEntries(found.map(({ path, data }) => [path.slice(below.length), resultCodec.decode(data)]));
}

describe("a request", () => {
  test("that is asked twice under one key is done once, also by another process, and both get the one answer", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    const first = await admin.createTopic({ name: "orders" }, { key: "make-orders" });
    const other = await clusterAdmin(await cluster.server.connect(), { cluster: "test" });
    expect(await other.createTopic({ name: "orders" }, { key: "make-orders" })).toEqual(first);
    await expect(other.createTopic({ name: "orders" })).rejects.toMatchObject({ code: "TOPIC_ALREADY_EXISTS" });
    expect(queue(world)).toEqual([]);
    await expect(admin.createTopic({ name: "x" }, { key: "k".repeat(161) })).rejects.toThrow(RangeError);
  });

  test("that stands in the queue twice is done once, in whichever order controllers come to it", async () => {
    await using world = await administered({ candidates: 0 });
    const record = { op: "updateFeatures", args: { updates: {} }, key: "twice", by: "someone" };
    await put(world, record);
    await put(world, record);
    await put(world, { ...record, key: "after" });
    await stand(world.cluster, 1, duties());
    await world.cluster.server.clock.runUntilIdle();
    expect(queue(world)).toEqual([]);
    expect(answers(world)).toEqual({
      twice: { ok: true, value: { features: {} } },
      after: { ok: true, value: { features: {} } },
    });
  });

  test("that nobody can read, or that asks for what there is not, is answered or deleted, and those behind it are done", async () => {
    await using world = await administered();
    const { cluster, candidates } = world;
    const { client, paths } = cluster;
    await client.multi([
      op.create(`${paths.requests}/r-`, new TextEncoder().encode("{"), { sequential: true }),
      op.create(`${paths.requests}/r-`, null, { sequential: true }),
      op.create(`${paths.requests}/r-`, new TextEncoder().encode("[7]"), { sequential: true }),
    ]);
    const odd = [
      { op: "fly", args: null, key: "fly", by: "x" },
      { op: "createTopics", args: null, key: "nothing", by: "x" },
      { op: "createTopics", args: { topics: [{ name: 7 }] }, key: "number", by: "x" },
      { op: "createTopics", args: { topics: Array.from({ length: 101 }, () => ({})) }, key: "many", by: "x" },
      { op: "electLeaders", args: { kind: "best", partitions: [] }, key: "kind", by: "x" },
      { op: "alterPartitionReassignments", args: { partitions: [{}] }, key: "part", by: "x" },
      { op: "deleteTopics", args: { names: "all" }, key: "names", by: "x" },
      { op: "unregisterBroker", args: { broker: -1 }, key: "minus", by: "x" },
      { op: "updateFeatures", args: {}, key: "by", by: "" },
      { op: "updateFeatures", args: {}, key: "surrogate", by: "\uD800" },
      { op: "updateFeatures", args: {}, key: "", by: "x" },
      { op: "updateFeatures", args: {}, key: "\uD800", by: "x" },
      { op: "updateFeatures", args: {}, key: "k".repeat(201), by: "x" },
      { op: "updateFeatures", args: { updates: {} }, key: "good", by: "x" },
    ];
    for (const record of odd) await put(world, record);
    await cluster.server.clock.runUntilIdle();
    expect(queue(world)).toEqual([]);
    const codes = Object.entries(answers(world)).map(([key, result]) => {
      const { ok, error } = result as { ok: boolean; error?: { code: string } };
      return [key, ok ? "done" : error?.code];
    });
    expect(Object.fromEntries(codes)).toEqual({
      fly: "INVALID_REQUEST",
      nothing: "INVALID_REQUEST",
      number: "INVALID_REQUEST",
      many: "LIMIT_EXCEEDED",
      kind: "INVALID_REQUEST",
      part: "INVALID_REQUEST",
      names: "INVALID_REQUEST",
      minus: "UNKNOWN_BROKER",
      by: "INVALID_REQUEST",
      surrogate: "INVALID_REQUEST",
      good: "done",
    });
    expect(candidates[0]!.errors).toEqual([]);
    expect(candidates[0]!.terms).toHaveLength(1);
  });

  test("that could be read by no controller before is deleted by the next", async () => {
    await using world = await administered({ candidates: 0 });
    await put(world, new TextEncoder().encode("{"));
    await stand(world.cluster, 1, duties());
    await world.cluster.server.clock.runUntilIdle();
    expect(queue(world)).toEqual([]);
  });

  test("whose effects meet what the controller cannot see is answered after some tries, and those behind it are done", async () => {
    await using world = await administered();
    const { admin, cluster, candidates } = world;
    // No topic, so the image does not show it; but its place is taken.
    await cluster.client.create(cluster.paths.topic("taken"), new TextEncoder().encode("nothing that is a topic"));
    await expect(admin.createTopic({ name: "taken" })).rejects.toMatchObject({ code: "UNKNOWN_SERVER_ERROR" });
    await admin.createTopic({ name: "free" });
    expect(candidates[0]!.terms).toHaveLength(1);
  });

  test("whose transaction is larger than the server takes is answered so, and those behind it are done", async () => {
    await using world = await administered({ limits: { requestBytes: 20_000 } });
    const { admin, candidates } = world;
    await expect(admin.createTopic({ name: "large", partitions: 300 })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
    await admin.createTopic({ name: "small", partitions: 30 });
    expect(admin.listTopics()).toEqual(["small"]);
    expect(candidates[0]!.terms).toHaveLength(1);
  });

  test("of an operation that a host adds is done like the others, and refused where its effects are more than one transaction has", async () => {
    const more = ["one", "many"].map((name) => ({
      name,
      decide: ({ image }: Term) => ({
        together: Array.from({ length: name === "one" ? 1 : 491 }, (_, at) =>
          op.create(`${image.paths.cluster}/own-${at}`),
        ),
        result: { name },
      }),
    }));
    await using world = await administered({ more });
    const { admin, cluster, candidates } = world;
    await expect(admin.request("many", null)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await admin.request("one", null)).toEqual({ name: "one" });
    expect(await cluster.client.exists(`${cluster.paths.cluster}/own-0`)).toBe(true);
    expect(candidates[0]!.terms).toHaveLength(1);
  });

  test("that cannot even be answered is deleted, and those behind it are done", async () => {
    await using world = await administered();
    const { cluster, candidates } = world;
    const limits = `/zookeeper/quota${cluster.paths.results}/zookeeper_limits`;
    await cluster.client.create(limits, new TextEncoder().encode("count=-1,bytes=-1=;byteHardLimit=200"), {
      parents: true,
    });
    await put(world, { op: "fly".repeat(200), args: null, key: "long", by: "x" });
    await put(world, { op: "updateFeatures", args: { updates: {} }, key: "short", by: "x" });
    await cluster.server.clock.runUntilIdle();
    expect(queue(world)).toEqual([]);
    expect(Object.keys(answers(world))).toEqual(["short"]);
    expect(candidates[0]!.terms).toHaveLength(1);
  });

  test("is answered with a refusal where the answer would be too long, and nothing of it is done", async () => {
    await using world = await administered();
    const { admin } = world;
    const topics = Array.from({ length: 100 }, (_, at) => ({ name: `${at}/`.padEnd(4_000, "x") }));
    const items = await admin.createTopics([{ name: "good" }, ...topics.slice(1)]);
    expect(items.map(({ error }) => error?.code)).toEqual(topics.map(() => "LIMIT_EXCEEDED"));
    expect(admin.listTopics()).toEqual([]);
  });
});

describe("who asks", () => {
  test("and gets no answer in time learns that nobody knows, and what was asked is taken back", async () => {
    await using world = await administered({ candidates: 0 });
    const { admin, cluster } = world;
    const asking = admin.createTopic({ name: "orders" }, { timeoutMs: 1_000 });
    asking.catch(() => undefined);
    await cluster.settle(0);
    expect(queue(world)).toHaveLength(1);
    expect(requestCodec.decode(cluster.server.dump().find(({ path }) => path === queue(world)[0])!.data)).toMatchObject(
      {
        op: "createTopics",
        by: "admin",
      },
    );
    await cluster.settle();
    await expect(asking).rejects.toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
    expect(queue(world)).toEqual([]);
  });

  test("may give up, and what was asked is taken back", async () => {
    await using world = await administered({ candidates: 0 });
    const { admin, cluster } = world;
    const giveUp = new AbortController();
    const asking = admin.createTopic({ name: "orders" }, { signal: giveUp.signal });
    asking.catch(() => undefined);
    await cluster.settle(0);
    giveUp.abort();
    await expect(asking).rejects.toMatchObject({ code: "ABORTED", outcome: "unknown" });
    await cluster.settle(0);
    expect(queue(world)).toEqual([]);
  });

  test("of a cluster that no broker was ever part of is told so, and leaves nothing behind", async () => {
    await using world = await administered();
    const admin = await clusterAdmin(world.cluster.client, { cluster: "none" });
    await expect(admin.createTopic({ name: "orders" })).rejects.toMatchObject({
      code: "NO_NODE",
      path: "/clusters/none",
    });
    expect(world.cluster.server.dump().filter(({ path }) => path.includes("/none"))).toEqual([]);
  });

  test("waits while nobody is controller, and leaves no watch behind", async () => {
    await using world = await administered({ candidates: 0 });
    const { admin, cluster } = world;
    const asking = admin.createTopic({ name: "orders" }, { timeoutMs: 60_000 });
    await cluster.settle(20_000);
    const before = cluster.server.leaks().watches;
    const candidate = await stand(cluster, 2, duties());
    await asking;
    await candidate.stop();
    await cluster.settle(0);
    expect(cluster.server.leaks().watches).toBeLessThan(before);
  });
});
