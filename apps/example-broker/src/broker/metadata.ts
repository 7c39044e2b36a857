/** What clients are told of the cluster: the live topics, who leads what, and where. Made from the image; owns nothing. */
import type { BrokerAgent, ClusterImage, Delta } from "@corral/broker-agent";
import type { LeaderHint } from "../wire/errors.ts";
import type { Metadata } from "../wire/messages.ts";

export function metadataOf(agent: BrokerAgent): Metadata {
  const { image } = agent;
  return {
    zxid: image.zxid,
    controller: agent.controller?.broker ?? null,
    brokers: [...image.brokers()].flatMap(({ id }) => {
      const at = addressOf(image, id);
      return at === undefined ? [] : [{ id, ...at }];
    }),
    topics: [...image.topics()]
      .filter(({ state }) => state === "live")
      .map(({ name, id, partitions }) => ({
        name,
        id,
        partitions: [...image.partitionsOf(id)]
          .filter(({ partition }) => partition < partitions)
          .map(({ partition, state: { leader, leaderEpoch, replicas, isr } }) => ({
            partition,
            leader,
            leaderEpoch,
            replicas,
            isr,
          }))
          .toSorted((a, b) => a.partition - b.partition),
      })),
  };
}

/** Does it change what clients are told? */
export function concernsClients(delta: Delta): boolean {
  return delta.brokers.length > 0 || delta.topics.length > 0 || delta.partitions.length > 0;
}

/** Who leads this partition, if that is known and it is registered. */
export function hintOf(image: ClusterImage, topic: string, partition: number): LeaderHint | undefined {
  const topicId = image.topic(topic)?.id;
  const state = topicId === undefined ? undefined : image.partition(topicId, partition)?.state;
  if (state === undefined || state.leader === null) return undefined;
  const at = addressOf(image, state.leader);
  return at === undefined ? undefined : { broker: state.leader, leaderEpoch: state.leaderEpoch, ...at };
}

function addressOf(image: ClusterImage, broker: number): { host: string; port: number } | undefined {
  const endpoint = image.broker(broker)?.endpoints[0];
  return endpoint === undefined ? undefined : { host: endpoint.host, port: endpoint.port };
}
