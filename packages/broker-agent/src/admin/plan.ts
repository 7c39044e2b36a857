/** Plans of reassignments for a set of brokers: Kafka's `kafka-reassign-partitions --generate`, and one that moves as little as possible. */
import type { Client } from "@corral/client";
import { targetOf, without } from "../partition/state.ts";
import { planMinimalMoves } from "../placement/minimal-moves.ts";
import { placeReplicas, type PlacementBroker } from "../placement/replicas.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { PlanOptions, ReassignmentPlan } from "./api.ts";
import { livePartitions } from "./describe.ts";
import { drawBelow } from "../draw.ts";

/** RangeError for a broker that is not registered, a topic that is not there, a partition with more replicas than there are to be brokers. */
export function generatePlan(client: Client, image: ClusterImage, options: PlanOptions): ReassignmentPlan {
  const { topics, kind = "minimal", racks = "safe" } = options;
  const stranger = topics?.find((name) => image.topic(name)?.state !== "live");
  if (stranger !== undefined) throw new RangeError(`topics: there is no topic '${stranger}'`);
  const brokers = options.brokers.map((id) => placed(image, id));
  const now = [...livePartitions(image, topics)].map(({ topic, view }) => ({
    topic: topic.name,
    partition: view.partition,
    replicas: targetOf(view.state),
  }));
  const current = now.map(({ replicas }) => replicas);
  const planned =
    kind === "minimal" ? planMinimalMoves(current, brokers, racks).partitions : placeAnew(client, now, brokers, racks);
  const changed = now.flatMap(({ topic, partition, replicas }, at) => {
    const target = planned[at] as readonly number[];
    const isSame = target.length === replicas.length && target.every((id, place) => id === replicas[place]);
    return isSame ? [] : [{ topic, partition, before: replicas, target }];
  });
  return {
    reassignments: changed.map(({ topic, partition, target }) => ({ topic, partition, replicas: target })),
    before: changed.map(({ topic, partition, before }) => ({ topic, partition, replicas: before })),
    moves: changed.reduce((sum, { before, target }) => sum + without(target, before).length, 0),
  };
}

function placed(image: ClusterImage, id: number): PlacementBroker {
  const broker = image.broker(id);
  if (broker === undefined) throw new RangeError(`brokers: ${id} is not registered`);
  return { id, rack: broker.rack ?? undefined };
}

/** Each topic as if it were made now. The partitions of a topic stand together. */
function placeAnew(
  { random }: Client,
  partitions: readonly { readonly topic: string; readonly replicas: readonly number[] }[],
  brokers: readonly PlacementBroker[],
  racks: PlanOptions["racks"],
): number[][] {
  const placements: number[][] = [];
  for (let from = 0, to = 0; from < partitions.length; from = to) {
    const { topic, replicas } = partitions[from]!;
    while (partitions[to]?.topic === topic) to += 1;
    placements.push(
      ...placeReplicas(brokers, {
        partitions: to - from,
        replicationFactor: replicas.length,
        start: drawBelow(random, brokers.length),
        shift: drawBelow(random, brokers.length),
        racks,
      }),
    );
  }
  return placements;
}
