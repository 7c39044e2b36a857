import {
  type BrokerHost,
  clusterAdmin,
  type Commitment,
  type Following,
  type Leading,
  type PartitionId,
  startBroker,
} from "@corral/broker-agent";
import type { Client } from "@corral/client";

/** Keeps records in memory. A real one has a disk, sockets for producers and followers, and fetches for itself. */
class MemoryBroker implements BrokerHost {
  readonly #logs = new Map<string, string[]>();
  readonly #led = new Map<string, Leading>();

  lead(part: Leading): void {
    this.#led.set(nameOf(part.id), part);
    // Where its epoch begins: before that, a follower may have other records than this log.
    part.appended(this.#log(part.id).length);
  }

  follow(part: Following): void {
    this.#led.delete(nameOf(part.id));
    // Until `part.signal` aborts: cut off what the leader does not have (`truncationFor`), then fetch from `part.endpoints`, with `part.leaderEpoch`
    // and `agent.epoch`. The agent may not be there yet: the first calls come before `startBroker` has resolved.
  }

  stop(id: PartitionId, { deleteData }: { readonly deleteData: boolean }): void {
    this.#led.delete(nameOf(id));
    if (deleteData) this.#logs.delete(nameOf(id));
  }

  /** What a producer asks. */
  async produce(partition: string, record: string): Promise<Commitment | "NOT_ENOUGH_REPLICAS"> {
    const part = this.#led.get(partition);
    if (part === undefined) return "NOT_LEADER";
    if (part.canAppend !== true) return part.canAppend;
    const log = this.#log(part.id);
    part.appended(log.push(record));
    return part.committed(log.length, AbortSignal.timeout(30_000));
  }

  /** What a follower asks: everything from this offset on. Undefined: ask somebody else. */
  fetch(
    partition: string,
    from: { readonly leaderEpoch: number; readonly broker: number; readonly brokerEpoch: number },
    offset: number,
  ): string[] | undefined {
    const part = this.#led.get(partition);
    if (part?.leaderEpoch !== from.leaderEpoch) return undefined;
    part.fetched(from.broker, offset, from.brokerEpoch);
    return this.#log(part.id).slice(offset);
  }

  #log(id: PartitionId): string[] {
    const log = this.#logs.get(nameOf(id)) ?? [];
    this.#logs.set(nameOf(id), log);
    return log;
  }
}

const nameOf = ({ topic, partition }: PartitionId): string => `${topic}-${partition}`;

export async function example(client: Client, log: (line: string) => void): Promise<void> {
  const host = new MemoryBroker();
  const agent = await startBroker(client, {
    cluster: "orders",
    id: "auto",
    endpoints: [{ name: "clients", host: "10.0.0.7", port: 9092 }],
    host,
  });
  // Keep both beside the data, and give them the next time: `{ id, clusterId, onDisk }`.
  log(`broker ${agent.id} of cluster ${agent.clusterId}`);

  await using admin = await clusterAdmin(client, { cluster: "orders" });
  await admin.createTopic({ name: "orders", partitions: 3, replicationFactor: 1 });
  log(await host.produce("orders-0", "one coffee"));

  // Leaderships go to others first, if there are any.
  await agent.shutdown();
}
