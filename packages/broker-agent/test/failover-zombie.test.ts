/**
 * A controller that does not know that it is none any more: it stood still, or was cut off, or was voted out, while a successor acts. None
 * of what it still writes is done.
 */
import { op, text } from "@corral/client";
import { election } from "@corral/recipes";
import { describe, expect, test } from "vitest";
import type { MakeDuty, Step } from "../src/controller/duty.ts";
import { elections } from "../src/controller/duties/elections.ts";
import { writePartitions } from "../src/controller/writes.ts";
import { fresh, startCluster, type TestCluster, TIMEOUT_MS } from "./cluster.ts";
import { type Candidate, stand } from "./controllers.ts";
import { duty } from "./duties.ts";

const LOG = "/log";
const PERIOD_MS = 100;

/** Writes its epoch every so often, for ever. */
const chatty: MakeDuty = duty(({ epoch, client }) => {
  let at = client.clock.monotonicMs();
  return {
    get againInMs() {
      return at - client.clock.monotonicMs();
    },
    next(): Step | undefined {
      if (client.clock.monotonicMs() < at) return undefined;
      at = client.clock.monotonicMs() + PERIOD_MS;
      return { what: "say so", together: [op.create(`${LOG}/n-`, `${epoch}`, { codec: text, sequential: true })] };
    },
  };
});

/** The epochs that were written, in the order of the writes. */
function written(cluster: TestCluster): number[] {
  const lines = cluster.server.dump().filter(({ path }) => path.startsWith(`${LOG}/`));
  return lines
    .toSorted((a, b) => a.czxid - b.czxid)
    .map(({ data }) => Number(new TextDecoder().decode(data ?? undefined)));
}

async function two(
  duties: readonly MakeDuty[],
): Promise<{ cluster: TestCluster; first: Candidate; second: Candidate }> {
  const cluster = await startCluster({ brokers: 3, latencyMs: 1, seed: 7 });
  await cluster.client.create(LOG);
  const started = Promise.all([1, 2].map((id) => stand(cluster, id, duties)));
  await cluster.settle(1_000);
  const [first, second] = (await started) as [Candidate, Candidate];
  return { cluster, first, second };
}

describe("a controller", () => {
  test.each([0, 1, 2, 3, 37, 50, 99])(
    "whose process stands still for longer than its session, from %i ms on, writes nothing when it goes on",
    async (afterMs) => {
      const { cluster, first, second } = await two([chatty]);
      await using _ = cluster;
      await cluster.settle(afterMs);
      cluster.server.faults.stallClient(cluster.broker(first.id).client, 4 * TIMEOUT_MS);
      await cluster.settle(6 * TIMEOUT_MS);
      const epochs = written(cluster);
      expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
      expect(new Set(epochs)).toEqual(new Set([first.terms[0]?.epoch, second.terms[0]?.epoch]));
      expect(first.terms[0]?.signal.aborted).toBe(true);
    },
  );

  test("that was cut off with a write on its way finds it refused", async () => {
    const { cluster, first, second } = await two([chatty]);
    await using _ = cluster;
    const cutOff = cluster.server.faults.partition(cluster.broker(first.id).client, { oneWay: "to-server" });
    await cluster.settle(3 * TIMEOUT_MS);
    expect(second.terms).toHaveLength(1);
    cutOff.end();
    await cluster.settle(3 * TIMEOUT_MS);
    const epochs = written(cluster);
    expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
  });

  test("whose session goes on, and whose place somebody took away while its write was on its way, finds it refused", async () => {
    const { cluster, first, second } = await two([chatty]);
    await using _ = cluster;
    const cutOff = cluster.server.faults.partition(cluster.broker(first.id).client, { oneWay: "to-server" });
    await cluster.settle(2 * PERIOD_MS);
    const evicting = election(cluster.client, cluster.paths.controller).evict(first.terms[0]?.epoch as number);
    await cluster.settle(1_000);
    await evicting;
    expect(second.terms).toHaveLength(1);
    cutOff.end();
    await cluster.settle(1_000);
    expect(cluster.broker(1).client.stats().sessionsLost).toBe(0);
    const epochs = written(cluster);
    expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
    expect(epochs.at(-1)).toBe(second.terms[0]?.epoch);
  });
});

describe("what a controller writes about partitions", () => {
  /** The image knows the leader as it was; everything else about it holds. */
  async function late(guarded: boolean): Promise<{ cluster: TestCluster; id: string; zxid: number | undefined }> {
    const cluster = await startCluster();
    const id = await cluster.topic("orders", { states: [fresh([3, 2], { isr: [3] })] });
    const { terms, image } = await stand(cluster, 1, []);
    const term = terms[0]!;
    const before = image.partition(id, 0)!;
    await election(cluster.client, cluster.paths.controller).evict(term.epoch);
    const guards = guarded ? [{ path: (term.guard as { path: string }).path, czxid: term.epoch }] : [];
    const options = { client: cluster.broker(1).client, image, guards, signal: new AbortController().signal };
    const change = { before, state: { ...before.state, leaderEpoch: 9 } };
    const result = await writePartitions(options, [change]).catch((error: { code: string }) => error.code);
    return { cluster, id, zxid: typeof result === "string" ? undefined : result.zxid };
  }

  test("is refused by its guard though the version is the one that it saw", async () => {
    const { cluster, id, zxid } = await late(true);
    await using _ = cluster;
    expect(zxid).toBe(undefined);
    expect(cluster.stored(id, 0)).toMatchObject({ version: 0, state: { leaderEpoch: 0 } });
  });

  test("would be done without the guard: the version alone does not tell", async () => {
    const { cluster, id, zxid } = await late(false);
    await using _ = cluster;
    expect(zxid).toBeGreaterThan(0);
    expect(cluster.stored(id, 0).state.leaderEpoch).toBe(9);
  });

  test("is not done if who is to lead is gone by then, or is another life, and is decided anew", async () => {
    for (const how of ["kill", "bounce"] as const) {
      await using cluster = await startCluster({ brokers: 4 });
      const id = await cluster.topic("orders", { replicas: [[4, 3, 2]] });
      await stand(cluster, 1, [elections]);
      const { faults } = cluster.server;
      const heldUp = faults.partition(cluster.broker(1).client, { oneWay: "to-server" });
      // The controller makes 3 the leader; before that is done, 3 goes.
      await cluster.kill(4);
      await cluster.server.clock.runUntilIdle();
      await cluster[how](3);
      heldUp.end();
      await cluster.settle(1_000);
      expect(cluster.partition(id, 0)).toEqual(fresh([4, 3, 2], { leader: 2, leaderEpoch: 1, isr: [2] }));
    }
  });
});
