/** An image, what it tells, and whether it is the same as one that is opened anew. */
import { type Client, text } from "@corral/client";
import { expect } from "vitest";
import { ClusterImage } from "../src/image/cluster-image.ts";
import type { Delta } from "../src/image/views.ts";
import { startCluster, type TestCluster } from "./cluster.ts";

export interface Opened {
  readonly cluster: TestCluster;
  readonly client: Client;
  readonly image: ClusterImage;
  readonly deltas: Delta[];
}

export async function opened(options: Parameters<typeof startCluster>[0] = {}): Promise<Opened> {
  const cluster = await startCluster(options);
  const client = await cluster.server.connect();
  const image = await ClusterImage.open(client, cluster.paths);
  const deltas: Delta[] = [];
  image.on((delta) => deltas.push(delta));
  return { cluster, client, image, deltas };
}

/** As text, from whichever znode. */
export const write = (cluster: TestCluster, path: string, data: string | null) =>
  cluster.client.update(path, () => data ?? "", { codec: text, create: {} });

const byNumber = (a: number, b: number): number => a - b;
const zxidsOf = (image: ClusterImage, broker: number): number[] =>
  [...image.keptBy(broker)].map(({ mzxid }) => mzxid).toSorted(byNumber);

/** What an image has, so that two can be compared. */
function shown(image: ClusterImage) {
  const ids = [...image.topicIds()].toSorted((a, b) => (a < b ? -1 : 1));
  const partitions = ids.map((id) => [...image.partitionsOf(id)].toSorted((a, b) => a.partition - b.partition));
  return {
    cluster: image.cluster,
    brokers: [...image.brokers()].toSorted((a, b) => a.id - b.id),
    topics: [...image.topics()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    byId: ids.map((id) => image.topicById(id)?.name),
    partitions,
    kept: [...image.keepers()].toSorted(byNumber).map((id) => [id, zxidsOf(image, id)]),
    configs: [...image.configs()].toSorted((a, b) => (a.entity < b.entity ? -1 : 1)),
    requests: image.requests(),
    unreadable: new Map(image.unreadable()),
  };
}

/** An image that was there all the time has what one has that is opened now. */
export async function expectAsNew({ cluster, client, image }: Opened): Promise<void> {
  await image.atLeast(await client.sync());
  await using other = await ClusterImage.open(cluster.client, cluster.paths);
  expect(shown(image)).toEqual(shown(other));
}
