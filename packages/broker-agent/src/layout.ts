/**
 * Where a cluster stands in the tree. Names are encoded, so that none can be a path.
 *
 * | znode                        | lives       | written by              | data            |
 * |------------------------------|-------------|-------------------------|-----------------|
 * | `<root>/<cluster>`           | persistent  | whoever comes first     | ClusterRecord; none while the cluster is being restored |
 * | `…/brokers/<id>`             | ephemeral   | that broker             | BrokerRecord    |
 * | `…/ids`                      | persistent  | brokers without an id   | a counter       |
 * | `…/controller/…`             | election    | each broker             | the recipe's    |
 * | `…/topics/<name>`            | persistent  | controller              | TopicRecord     |
 * | `…/partitions/<topic>/<n>`   | persistent  | controller; its leader  | PartitionState  |
 * | `…/config/<type>/<entity>`   | persistent  | controller              | ConfigRecord    |
 * | `…/requests/r-<sequence>`    | persistent  | anyone                  | RequestRecord   |
 * | `…/results/<key>`            | TTL, 1 hour | controller              | ResultRecord    |
 *
 * `<topic>` below `partitions` is the topic's id, not its name: what is deleted and made again under the same name is another one.
 * The czxid of `brokers/<id>` is the broker's epoch (KIP-380); the token of the election is the controller's. Neither ever repeats or falls.
 */
import { encodeName } from "@corral/recipes/authoring";

/** Where clusters stand unless told otherwise. */
export const CLUSTERS_ROOT = "/clusters";

// `<default>` of config entities stays as it is: it is no name that can be encoded to.
export { encodeName };

export function decodeName(name: string): string {
  return decodeURIComponent(name);
}

/** What a partition is called in memory, and in the `failedReplicas` of brokers. */
export function partitionKey({ topicId, partition }: { readonly topicId: string; readonly partition: number }): string {
  return `${topicId}/${partition}`;
}

export interface ClusterPaths {
  readonly cluster: string;
  readonly brokers: string;
  readonly ids: string;
  readonly controller: string;
  readonly topics: string;
  readonly partitions: string;
  readonly config: string;
  readonly requests: string;
  readonly results: string;
  broker(id: number): string;
  topic(name: string): string;
  /** The parent of the partitions of one topic. */
  partitionsOf(topicId: string): string;
  partition(topicId: string, partition: number): string;
  /** `entity`: encoded already, as config/entity.ts makes it. */
  configOf(type: string, entity: string): string;
  result(key: string): string;
}

/** What stands directly below a cluster, in the order of making. */
export function partsOf({ brokers, topics, partitions, config, requests, results }: ClusterPaths): readonly string[] {
  return [brokers, topics, partitions, config, requests, results];
}

export function pathsOf(cluster: string, root: string = CLUSTERS_ROOT): ClusterPaths {
  const at = `${root === "/" ? "" : root}/${encodeName(cluster)}`;
  return {
    cluster: at,
    brokers: `${at}/brokers`,
    ids: `${at}/ids`,
    controller: `${at}/controller`,
    topics: `${at}/topics`,
    partitions: `${at}/partitions`,
    config: `${at}/config`,
    requests: `${at}/requests`,
    results: `${at}/results`,
    broker: (id) => `${at}/brokers/${id}`,
    topic: (name) => `${at}/topics/${encodeName(name)}`,
    partitionsOf: (topicId) => `${at}/partitions/${topicId}`,
    partition: (topicId, partition) => `${at}/partitions/${topicId}/${partition}`,
    configOf: (type, entity) => `${at}/config/${type}/${entity}`,
    result: (key) => `${at}/results/${encodeName(key)}`,
  };
}
