/** Znodes of a cluster that somebody has written something else into than what their path says. */
import { op, text } from "@corral/client";
import { describe, expect, test } from "vitest";
import { elections } from "../src/controller/duties/elections.ts";
import { ClusterImage } from "../src/image/cluster-image.ts";
import { fresh, startCluster, type TestCluster } from "./cluster.ts";
import { stand } from "./controllers.ts";
import { expectAsNew, opened, write } from "./imaging.ts";

describe("data that are not what their path says", () => {
  const good = JSON.stringify(fresh([1, 2]));
  test.each<[what: string, path: (cluster: TestCluster) => string, data: string | null]>([
    ["no JSON", ({ paths }) => paths.partition("t", 0), "{"],
    ["no object", ({ paths }) => paths.partition("t", 0), "7"],
    ["nothing", ({ paths }) => paths.partition("t", 0), null],
    ["no lists", ({ paths }) => paths.partition("t", 0), "{}"],
    ["a leader out of sync", ({ paths }) => paths.partition("t", 0), JSON.stringify(fresh([1, 2], { leader: 3 }))],
    ["nobody in sync", ({ paths }) => paths.partition("t", 0), JSON.stringify(fresh([1, 2], { isr: [] }))],
    ["a number of a partition with a zero before", ({ paths }) => `${paths.partitionsOf("t")}/00`, good],
    ["no number of a partition", ({ paths }) => `${paths.partitionsOf("t")}/first`, good],
    ["a broker without a status", ({ paths }) => paths.broker(9), `{"id":9,"endpoints":[],"failedReplicas":[]}`],
    ["a broker of another id", ({ paths }) => paths.broker(9), `{"id":8,"status":"active"}`],
    ["no number of a broker", ({ paths }) => `${paths.brokers}/nine`, `{"id":9,"status":"active"}`],
    ["a topic of another name", ({ paths }) => paths.topic("a"), `{"name":"b","id":"x","state":"live","partitions":1}`],
    [
      "a topic of no known state",
      ({ paths }) => paths.topic("a"),
      `{"name":"a","id":"x","state":"new","partitions":1}`,
    ],
    ["a topic whose name is not encoded", ({ paths }) => `${paths.topics}/my.orders`, "{}"],
    ["a topic whose name cannot be decoded", ({ paths }) => `${paths.topics}/%zz`, "{}"],
    ["values that are no texts", ({ paths }) => paths.configOf("topics", "a"), `{"values":{"a":1}}`],
    ["a request without a key", ({ paths }) => `${paths.requests}/r-1`, `{"op":"any","by":"me"}`],
  ])("(%s) are kept out, named with a reason, before and after opening", async (_what, path, data) => {
    const all = await opened();
    const { cluster, image } = all;
    await using _ = cluster;
    await cluster.topic("orders", { replicas: [[1, 2]], id: "t" });
    const at = path(cluster);
    const isPartition = at === cluster.paths.partition("t", 0);
    await cluster.client.create(cluster.paths.config + "/topics");
    await write(cluster, at, data);
    expect([...image.unreadable().keys()]).toEqual([at]);
    expect(image.unreadable().get(at)).not.toBe("");
    // Everything else is there.
    expect([...image.brokers()]).toHaveLength(3);
    expect(image.topic("orders")?.id).toBe("t");
    // What could be read before stays: it is all that anybody may go on with.
    expect(image.partition("t", 0)?.state).toEqual(fresh([1, 2]));
    await using other = await ClusterImage.open(cluster.client, cluster.paths);
    expect([...other.unreadable().keys()]).toEqual([at]);
    expect(other.partition("t", 0) === undefined).toBe(isPartition);
    // Set right, it is as if nothing had been.
    if (isPartition) await write(cluster, at, good);
    else await cluster.client.delete(at);
    expect(image.unreadable().size).toBe(0);
    await expectAsNew(all);
  });

  test("of another life of a znode leave nothing of the one before", async () => {
    const { cluster, image } = await opened();
    await using _ = cluster;
    const id = await cluster.topic("orders", { replicas: [[1, 2]] });
    const path = cluster.paths.partition(id, 0);
    await cluster.client.multi([op.delete(path), op.create(path, "{", { codec: text })]);
    expect(image.partition(id, 0)).toBe(undefined);
    expect([...image.keptBy(1)]).toEqual([]);
    expect([...image.topicIds()]).toEqual([]);
  });
});

test("a controller leaves alone what it cannot read, says so, and sees to everything else", async () => {
  await using cluster = await startCluster();
  const id = await cluster.topic("orders", {
    replicas: [
      [2, 3],
      [2, 3],
    ],
  });
  const { errors, terms } = await stand(cluster, 1, [elections]);
  const path = cluster.paths.partition(id, 0);
  await write(cluster, path, "{");
  await cluster.kill(2);
  await cluster.settle();
  expect(cluster.partition(id, 1)).toMatchObject({ leader: 3, leaderEpoch: 1 });
  expect(errors.map(String)).toEqual([expect.stringContaining(path)]);
  expect(terms.map(({ signal }) => signal.aborted)).toEqual([false]);
  // Set right, it is seen to.
  await write(cluster, path, JSON.stringify(fresh([2, 3])));
  await cluster.settle(1_000);
  expect(cluster.partition(id, 0)).toMatchObject({ leader: 3, leaderEpoch: 1 });
});
