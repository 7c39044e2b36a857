/** The image of a cluster: what is on the server, all of it and nothing else, whatever happens in between. */
import { expect, test } from "vitest";
import { ClusterImage } from "../src/image/cluster-image.ts";
import { startCluster } from "./cluster.ts";

test("an image has the brokers with their epochs, and the topics and partitions as they stand on the server", async () => {
  await using cluster = await startCluster();
  const id = await cluster.topic("orders", {
    replicas: [
      [1, 2],
      [2, 3],
    ],
  });
  await using image = await ClusterImage.open(cluster.client, cluster.paths);
  expect([...image.brokers()].map((one) => [one.id, one.epoch])).toEqual(
    cluster.brokers.map((one) => [one.id, one.registration.epoch]),
  );
  expect(image.topic("orders")?.id).toBe(id);
  expect([...image.keptBy(2)].map(({ partition }) => partition)).toEqual([0, 1]);
  await cluster.bounce(2);
  expect(image.broker(2)?.epoch).toBe(cluster.broker(2).registration.epoch);
});
