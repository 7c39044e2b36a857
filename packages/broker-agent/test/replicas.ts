/** What leaders and followers would do, in one go: everybody who can be in sync is. */
import { partitionCodec } from "../src/records.ts";
import { isReassigning } from "../src/partition/state.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { PARTITION_PATH, type TestCluster } from "./cluster.ts";

/** Every leader that lives takes all replicas of active brokers into the in-sync ones. Resolves with how many partitions changed. */
export async function catchUp(cluster: TestCluster): Promise<number> {
  const active = new Set(
    cluster
      .brokerRecords()
      .filter(({ status }) => status === "active")
      .map(({ id }) => id),
  );
  let changed = 0;
  for (const { path, data, version } of cluster.server.dump()) {
    if (!PARTITION_PATH.test(path)) continue;
    const state = partitionCodec.decode(data);
    if (state.leader === null || !active.has(state.leader)) continue;
    const isr = state.replicas.filter((id) => active.has(id));
    if (isr.length === state.isr.length) continue;
    await cluster.client.set(path, { ...state, isr }, { codec: partitionCodec, ifMatch: { version } });
    changed += 1;
  }
  return changed;
}

/** Time passes and everybody catches up, until nothing changes any more. */
export async function quiet(cluster: TestCluster, stepMs = 1_000, steps = 500): Promise<void> {
  for (let still = 0, step = 0; still < 3; step += 1) {
    if (step === steps) throw new Error(`no rest after ${steps} steps`);
    const before = cluster.latestZxid();
    await catchUp(cluster);
    await cluster.settle(stepMs);
    still = cluster.latestZxid() === before ? still + 1 : 0;
  }
}

/** By broker: how many of these have it as replica, as first replica, as leader. */
export function loads(
  states: Iterable<PartitionState>,
): Record<number, readonly [kept: number, preferred: number, led: number]> {
  const found: Record<number, [number, number, number]> = {};
  const of = (id: number): [number, number, number] => (found[id] ??= [0, 0, 0]);
  for (const { replicas, leader } of states) {
    for (const id of replicas) of(id)[0] += 1;
    if (replicas[0] !== undefined) of(replicas[0])[1] += 1;
    if (leader !== null) of(leader)[2] += 1;
  }
  return found;
}

/** The states of partitions of these topics, in order. */
export function statesOf(cluster: TestCluster, ...topicIds: readonly string[]): PartitionState[] {
  return topicIds.flatMap((id) => [...cluster.storedAll(id).values()].map(({ state }) => state));
}

export function moving(states: readonly PartitionState[]): number {
  return states.filter(isReassigning).length;
}
