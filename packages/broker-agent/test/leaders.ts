/** One real broker that leads, among others that are registered only: what those do is what tests say. */
import type { BrokerAgent, Leading } from "../src/host/api.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { type ClusterOptions, fresh, startCluster, type TestCluster } from "./cluster.ts";
import { type Host, type StartedBroker, startOn, type StartOptions } from "./hosts.ts";

export const LEADER = 1;

export class LeaderWorld implements AsyncDisposable {
  readonly cluster: TestCluster;
  readonly started: StartedBroker;
  topicId = "";

  constructor(cluster: TestCluster, started: StartedBroker) {
    this.cluster = cluster;
    this.started = started;
  }

  get agent(): BrokerAgent {
    return this.started.agent;
  }

  get host(): Host {
    return this.started.host;
  }

  /** What it leads of the topic `t`. */
  part(partition = 0): Leading {
    return this.host.part(`t-${partition}`);
  }

  /** As it stands on the server. */
  stored(partition = 0): { readonly isr: readonly number[]; readonly version: number } {
    const { state, version } = this.cluster.stored(this.topicId, partition);
    return { isr: state.isr, version };
  }

  /** A follower fetches from here on, in its present life. */
  fetch(follower: number, offset: number, partition = 0): void {
    const epoch = this.cluster.broker(follower).registration.epoch as number;
    this.part(partition).fetched(follower, offset, epoch);
  }

  /** Another topic: `t`, led by the real broker. */
  async lead(states: readonly PartitionState[] = [fresh([1, 2, 3])]): Promise<void> {
    this.topicId = await this.cluster.topic("t", { states });
    await this.idle();
    for (const at of states.keys()) if (this.host.leading.has(`t-${at}`)) this.part(at).appended(0);
  }

  /** What a controller writes. */
  async write(state: PartitionState, partition = 0): Promise<void> {
    await this.cluster.write(this.topicId, partition, state);
    await this.idle();
  }

  idle(): Promise<void> {
    return this.cluster.server.clock.runUntilIdle();
  }

  advance(ms: number): Promise<void> {
    return this.cluster.server.clock.advance(ms);
  }

  /** Requests that changed in-sync replicas. */
  get isrWrites(): number {
    return this.cluster.server.requests({ op: "multiEach" }).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.close();
  }
}

/** Brokers 2 and 3 are only registered. */
export async function leaderWorld(options: StartOptions & { readonly of?: ClusterOptions } = {}): Promise<LeaderWorld> {
  const { of, ...own } = options;
  const cluster = await startCluster({ brokers: [{ id: 2 }, { id: 3 }], ...of });
  return new LeaderWorld(cluster, await startOn(cluster.server, LEADER, { canBeController: false, ...own }));
}
