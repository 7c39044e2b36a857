/** Partitions that come and go while others are handled. */
import { expect, test } from "vitest";
import { checkHistory, type Claim } from "../src/index.ts";
import { SESSION_MS, world } from "./consuming.ts";

const ascending = (a: number, b: number): number => a - b;
const numbers = (claims: readonly Claim[]): number[] => claims.map(({ partition: { partition } }) => partition);

test("partitions that stay are handled on in the very turn in which others are given back and taken", async () => {
  await using it = await world({ t: 4 });
  const clients = [await it.client(), await it.client()];
  let current: (() => void) | undefined;
  /** Partitions given back so far, and what was handled by the first member from then on. */
  let isRebalancing = false;
  const meanwhile = new Set<number>();
  const signals = new Map<number, AbortSignal>();
  const a = await it.consumer(clients[0]!, {
    handle: (_, { partition: { partition }, revoked }) => {
      signals.set(partition, revoked);
      if (isRebalancing) meanwhile.add(partition);
    },
    rebalance: {
      // For as long as the test likes: the rebalance stands still here.
      revoked: () => {
        if (isRebalancing) return;
        isRebalancing = true;
        return new Promise<void>((resolve) => (current = resolve));
      },
    },
  });
  await it.pass(2_000);
  for (let partition = 0; partition < 4; partition++) it.source.append("t", partition, 1);
  const fetches = new Map(it.source.fetches);
  await it.pass(10);
  const b = await it.consumer(clients[1]!, {});
  expect(isRebalancing).toBe(true);
  const leaving = [...signals].filter(([, revoked]) => revoked.aborted).map(([partition]) => partition);
  expect(leaving.length).toBe(2);
  for (let partition = 0; partition < 4; partition++) it.source.append("t", partition, 5);
  // No time passes, and no request is answered: what stays needs neither.
  await it.pass(0);
  const staying = [0, 1, 2, 3].filter((partition) => !leaving.includes(partition));
  expect([...meanwhile].toSorted(ascending)).toEqual(staying);
  current!();
  await it.pass(2_000);
  expect(b.status.partitions.map(({ partition: { partition } }) => partition).toSorted(ascending)).toEqual(
    leaving.toSorted(ascending),
  );
  // Nothing of what stayed was fetched, claimed or given back anew.
  for (const partition of staying) {
    expect(it.source.fetches.get(`t/${partition}`)).toBe(fetches.get(`t/${partition}`));
    expect(signals.get(partition)!.aborted).toBe(false);
    expect(it.trace.filter((event) => event.kind === "claim" && event.partition.partition === partition).length).toBe(
      1,
    );
  }
  await it.soon(Promise.all([a.close(), b.close()]));
  expect(checkHistory(it.trace)).toEqual([]);
});

test("what is given back is handled to the end and committed first; what was not begun is for the next owner", async () => {
  await using it = await world({ t: 2 });
  const order: string[] = [];
  const open: (() => void)[] = [];
  const a = await it.consumer(await it.client(), {
    handle: ({ value }, { revoked }) =>
      new Promise<void>((resolve) => {
        order.push(`a begins ${value}`);
        open.push(() => {
          order.push(`a ends ${value}${revoked.aborted ? " after revoke" : ""}`);
          resolve();
        });
      }),
    rebalance: { revoked: (claims) => void order.push(`revoked ${numbers(claims)}`) },
  });
  it.source.append("t", 1, 3);
  await it.pass(1_000);
  it.source.append("t", 0, 1);
  await it.pass(1_000);
  const b = await it.consumer(await it.client(), { handle: ({ value }) => void order.push(`b ${value}`) });
  await it.pass(2_000);
  const moving = it.trace.find(({ kind }) => kind === "release")?.partition.partition;
  // Its handler is at work yet, and nobody else has it.
  expect(moving).toBeUndefined();
  expect(b.status.state).toBe("unreleased-partitions");
  expect(a.status.state).toBe("unrevoked-partitions");
  for (const end of open.splice(0)) end();
  await it.pass(2_000);
  const released = it.trace.find(({ kind }) => kind === "release")!.partition.partition;
  const [first, ...rest] = [0, 1, 2].slice(0, released === 1 ? 3 : 1).map((offset) => `t/${released}@${offset}`);
  expect(order).toContain(`a ends ${first} after revoke`);
  expect(order.indexOf(`revoked ${released}`)).toBeGreaterThan(order.indexOf(`a ends ${first} after revoke`));
  expect(order.filter((one) => one.startsWith("b "))).toEqual(rest.map((value) => `b ${value}`));
  await it.soon(b.close());
  const closing = a.close({ timeoutMs: 1_000 });
  await it.soon(closing, 5_000);
  expect(checkHistory(it.trace)).toEqual([]);
});

test("the listener hears of each partition in order: assigned before its first message, revoked before it is given back, lost when it is gone", async () => {
  await using it = await world({ t: 2 });
  for (const partition of [0, 1]) it.source.append("t", partition, 3);
  const order: string[] = [];
  const [clientA, clientB] = [await it.client(), await it.client()];
  const a = await it.consumer(clientA, {
    handle: ({ value }) => void order.push(value),
    rebalance: {
      assigned: async (claims) => {
        await new Promise<void>((resolve) => clientA.clock.setTimeout(resolve, 500));
        order.push(`assigned ${numbers(claims)}`);
      },
      revoked: async (claims) => {
        await new Promise<void>((resolve) => clientA.clock.setTimeout(resolve, 500));
        order.push(`revoked ${numbers(claims)} ${claims.every(({ isValid }) => isValid)}`);
      },
      lost: (claims, { code }) =>
        void order.push(`lost ${numbers(claims)} ${code} ${claims.some(({ isValid }) => isValid)}`),
    },
  });
  await it.pass(2_000);
  expect(order[0]).toBe("assigned 0,1");
  expect(order.length).toBe(7);
  const b = await it.consumer(clientB, {});
  await it.pass(3_000);
  expect(order[7]).toMatch(/^revoked [01] true$/);
  const kept = order[7]!.includes("revoked 0") ? 1 : 0;
  await it.server.faults.expire(clientA);
  await it.pass(SESSION_MS);
  expect(order[8]).toBe(`lost ${kept} SESSION_EXPIRED false`);
  await it.soon(Promise.all([a.close(), b.close()]), 5_000);
});

test("a listener that does not end is left behind after the rebalance timeout, and told", async () => {
  await using it = await world({ t: 2 });
  const errors: unknown[] = [];
  const a = await it.consumer(await it.client(), {
    rebalanceTimeoutMs: 3_000,
    rebalance: { revoked: () => new Promise(() => {}) },
    onError: (error) => {
      errors.push(error);
      return "retry";
    },
  });
  await it.pass(1_000);
  const b = await it.consumer(await it.client(), {});
  await it.pass(2_000);
  expect(errors).toEqual([]);
  await it.pass(3_000);
  expect(errors).toMatchObject([{ code: "TIMEOUT", op: "rebalance listener" }]);
  expect(b.status.state).toBe("stable");
  expect(Object.values(it.owners()).toSorted()).toEqual([a.member, b.member].toSorted());
  await it.soon(Promise.all([a.close({ timeoutMs: 1 }), b.close()]), 10_000);
});

test("a partition that comes back at once is not handled anew before the old handler has ended", async () => {
  await using it = await world({ t: 1 });
  const client = await it.client();
  it.source.append("t", 0, 2);
  let running = 0;
  let most = 0;
  const open: (() => void)[] = [];
  const consumer = await it.consumer(client, {
    handle: async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => open.push(resolve));
      running--;
    },
  });
  await it.pass(1_000);
  expect(running).toBe(1);
  await it.server.faults.expire(client);
  await it.pass(SESSION_MS);
  // The next life has the partition as its target, and nobody else is there.
  expect(consumer.status.partitions.map(({ state }) => state)).toEqual(["waiting"]);
  expect(running).toBe(1);
  open.shift()!();
  await it.pass(1_000);
  expect(consumer.status.state).toBe("stable");
  for (let i = 0; i < 4; i++) {
    open.shift()?.();
    await it.pass(100);
  }
  expect(most).toBe(1);
  await it.soon(consumer.close());
  expect(it.stored()).toEqual({ "t/0": 2 });
});

test("a member that takes its whole rebalance timeout gives back by itself, with what is done, and is not fenced", async () => {
  await using it = await world({ t: 2 });
  it.source.append("t", 0, 3);
  it.source.append("t", 1, 3);
  const lost: unknown[] = [];
  const a = await it.consumer(await it.client(), {
    rebalanceTimeoutMs: 3_000,
    commitIntervalMs: 3_600_000,
    handle: ({ offset }) => (offset === 2 ? new Promise<void>(() => {}) : undefined),
    rebalance: { lost: (claims, why) => void lost.push(why.code) },
  });
  await it.pass(1_000);
  const name = a.member;
  const b = await it.consumer(await it.client(), {});
  await it.pass(6_000);
  expect([a.member === name, lost]).toEqual([true, []]);
  expect(b.status.state).toBe("stable");
  const handed = b.status.partitions[0]!.partition.partition;
  const first = it.trace.find(
    ({ kind, member, partition }) => kind === "deliver" && member === b.member && partition.partition === handed,
  );
  expect(first).toMatchObject({ offset: 2 });
  await it.soon(Promise.all([a.close({ timeoutMs: 1 }), b.close()]), 10_000);
});
