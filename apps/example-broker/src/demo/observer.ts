/**
 * What can be seen of the demo from outside: the cluster as it stands in Corral, how far the sink has come, what the processes say of
 * themselves. The measurements rest on it.
 *
 * Owns a session of its own, and changes nothing.
 */
import { ALL_BROKERS, type ClusterAdmin, clusterAdmin } from "@corral/broker-agent";
import { type Client, open } from "@corral/client";
import type { SinkRequests } from "../sink/service.ts";
import { Peers } from "../wire/peers.ts";
import { BROKERS, type Cast, CLUSTER, CONSUMERS, type ConsumerStatus, FOURTH, PARTITIONS, TOPIC } from "./cast.ts";

/** How often the sink is asked, milliseconds; what is measured by it is as exact as that. */
const SINK_EVERY_MS = 50;
const CONTROLLER_EVERY_MS = 500;

export interface PartitionSeen {
  readonly partition: number;
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly isMoving: boolean;
}

export interface SinkSeen {
  readonly effects: number;
  readonly fenced: number;
  /** Next offsets by partition. */
  readonly positions: ReadonlyMap<number, number>;
}

export class Observer {
  readonly admin: ClusterAdmin;
  readonly client: Client;
  readonly #cast: Cast;
  readonly #sinks = new Peers<SinkRequests>();
  readonly #timers: NodeJS.Timeout[] = [];
  sink: SinkSeen = { effects: 0, fenced: 0, positions: new Map() };
  controller: number | undefined;

  private constructor(cast: Cast, client: Client, admin: ClusterAdmin) {
    this.#cast = cast;
    this.client = client;
    this.admin = admin;
    this.#every(SINK_EVERY_MS, async () => {
      await this.askSink();
    });
    this.#every(CONTROLLER_EVERY_MS, async () => {
      this.controller = (await admin.describeCluster({ timeoutMs: 2_000 })).controller?.broker;
    });
  }

  static async open(cast: Cast): Promise<Observer> {
    const client = open({ servers: [cast.corral], session: { timeoutMs: 10_000 } });
    return new Observer(cast, client, await clusterAdmin(client, { cluster: CLUSTER, by: "demo" }));
  }

  /** Empty before the topic is made. */
  partitions(): PartitionSeen[] {
    const { image } = this.admin;
    const topic = image.topic(TOPIC);
    if (topic === undefined) return [];
    return [...image.partitionsOf(topic.id)]
      .map(({ partition, state }) => ({
        ...state,
        partition,
        isMoving: state.adding.length + state.removing.length > 0,
      }))
      .toSorted((a, b) => a.partition - b.partition);
  }

  /** Those that are registered. */
  brokers(): number[] {
    return [...BROKERS, FOURTH].filter((id) => this.admin.image.broker(id) !== undefined);
  }

  consumers(): (readonly [name: string, status: ConsumerStatus | undefined])[] {
    return CONSUMERS.map((name) => [name, this.#cast.consumerStatus(name)] as const);
  }

  /** Acknowledged to the producer, and without effect yet. */
  get lag(): number {
    return Math.max(0, this.#cast.producerStatus.acknowledged - this.sink.effects);
  }

  get acknowledged(): number {
    return this.#cast.producerStatus.acknowledged;
  }

  /** Which partitions have had an effect since then? */
  advancedSince(before: SinkSeen): number[] {
    return partitionNumbers.filter((n) => (this.sink.positions.get(n) ?? 0) > (before.positions.get(n) ?? 0));
  }

  /** How far the sink is, now. */
  async askSink(): Promise<SinkSeen> {
    const peer = await this.#sinks.to(this.#cast.sinkAddress);
    const { effects, fenced, positions } = await peer.request("status", {});
    this.sink = { effects, fenced, positions: new Map(positions) };
    return this.sink;
  }

  /** For all brokers. */
  async configure(name: string, value: string): Promise<void> {
    await this.admin.alterConfigs([{ entity: ALL_BROKERS, changes: [{ op: "set", name, value }] }]);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#sinks.close();
    await this.admin.close();
    await this.client.close();
  }

  /** One after the other: a look that takes long is not overtaken. What fails now succeeds later, or is seen by what does not come. */
  #every(ms: number, look: () => Promise<void>): void {
    let isLooking = false;
    const timer = setInterval(() => {
      if (isLooking) return;
      isLooking = true;
      look().then(
        () => (isLooking = false),
        () => (isLooking = false),
      );
    }, ms);
    this.#timers.push(timer);
  }
}

const partitionNumbers = Array.from({ length: PARTITIONS }, (_, n) => n);
