/** Brokers in one process, on a real Corral server in the same process; time passes by itself. */
import { join } from "node:path";
import { type ClusterAdmin, clusterAdmin } from "@corral/broker-agent";
import type { Client } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { expect } from "vitest";
import { type ExampleBroker, startExampleBroker } from "../src/broker/broker.ts";
import { BrokerClient } from "../src/client/broker-client.ts";
import { temporaryFolder } from "./folder.ts";

const SESSION_MS = 2_000;

export class Cluster implements AsyncDisposable {
  readonly server: TestServer;
  readonly admin: ClusterAdmin;
  readonly #folder = temporaryFolder();
  readonly #brokers = new Map<number, { readonly broker: ExampleBroker; readonly client: Client }>();
  readonly #clients: BrokerClient[] = [];
  /** What brokers said, for people; for tests when they fail. */
  readonly said: string[] = [];

  private constructor(server: TestServer, admin: ClusterAdmin) {
    this.server = server;
    this.admin = admin;
  }

  static async start(ids: readonly number[]): Promise<Cluster> {
    const server = await startTestServer({ clock: "real" });
    const cluster = new Cluster(server, await clusterAdmin(await server.connect(), { cluster: "c" }));
    await Promise.all(ids.map((id) => cluster.start(id)));
    return cluster;
  }

  broker(id: number): ExampleBroker {
    const found = this.#brokers.get(id);
    if (found === undefined) throw new RangeError(`broker ${id} does not run`);
    return found.broker;
  }

  dataOf(id: number): string {
    return join(this.#folder, String(id));
  }

  /** On the data that it left. */
  async start(id: number): Promise<void> {
    const client = await this.server.connect({ session: { timeoutMs: SESSION_MS } });
    const broker = await startExampleBroker(client, {
      cluster: "c",
      id,
      data: this.dataOf(id),
      listen: { host: "127.0.0.1", port: 0 },
      policy: "before-ack",
      say: (what) => this.said.push(`${id}: ${what}`),
    });
    this.#brokers.set(id, { broker, client });
  }

  /** It gives nothing away, and is gone for Corral at once. */
  async crash(id: number): Promise<void> {
    const { broker, client } = this.#brokers.get(id) ?? {};
    this.#brokers.delete(id);
    await client?.close();
    await broker?.[Symbol.asyncDispose]();
  }

  async shutdown(id: number): Promise<void> {
    await this.broker(id).shutdown();
    await this.#brokers.get(id)?.client.close();
    this.#brokers.delete(id);
  }

  client(): BrokerClient {
    const client = new BrokerClient([...this.#brokers.values()].map(({ broker }) => broker.address));
    this.#clients.push(client);
    return client;
  }

  states(topic: string) {
    const id = this.admin.image.topic(topic)?.id ?? "";
    return [...this.admin.image.partitionsOf(id)]
      .toSorted((a, b) => a.partition - b.partition)
      .map(({ state }) => state);
  }

  /** Every replica of the topic is in sync, and the leader lives. */
  async inSync(topic: string): Promise<void> {
    const unrest = (): string | undefined => {
      const states = this.states(topic);
      const isSo = states.every(({ isr, replicas, leader }) => isr.length === replicas.length && leader !== null);
      return isSo && states.length > 0 ? undefined : `not in sync: ${JSON.stringify(states)}\n${this.said.join("\n")}`;
    };
    await expect.poll(unrest, { interval: 5 }).toBeUndefined();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const id of [...this.#brokers.keys()]) await this.crash(id);
    await this.admin.close();
    await this.server[Symbol.asyncDispose]();
  }
}
