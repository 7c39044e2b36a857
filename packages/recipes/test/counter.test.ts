import { isCorralError, text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { counter, COUNTER_MAX, COUNTER_MIN } from "../src/counter.ts";
import { eventually } from "./faults/stage.ts";

const C = "/counters/c";

describe("counter", () => {
  test("adds, and resolves with the sum; a counter that nobody wrote is 0", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    expect(await counter(a, C).get()).toBe(0n);
    expect(server.dump().some(({ path }) => path === C)).toBe(false);
    expect(await counter(a, C).add()).toBe(1n);
    expect(await counter(a, C).add(41)).toBe(42n);
    expect(await counter(a, C).add(-50n)).toBe(-8n);
    expect(await counter(a, C).get()).toBe(-8n);
  });

  for (const seed of [1, 2, 3]) {
    test(`100 additions by four clients count exactly once with 30 % of the replies lost, seed ${seed}`, async () => {
      await using server = await startTestServer({ seed, latencyMs: 1 });
      const clients = await Promise.all([1, 2, 3, 4].map(() => server.connect()));
      let state = seed;
      const draw = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
      let lost = 0;
      const adding = clients.map(async (client, c) => {
        const sums: bigint[] = [];
        for (let i = 0; i < 25; i++) {
          using dropped = draw() < 0.3 ? server.faults.dropReply({ op: "set", client: c + 1 }) : undefined;
          sums.push(await counter(client, C).add());
          lost += dropped?.hits ?? 0;
        }
        return sums;
      });
      const sums = (await eventually(server, Promise.all(adding))).flat();
      expect(lost).toBeGreaterThan(15);
      expect(await counter(clients[0]!, C).get()).toBe(100n);
      // Each one got a sum of its own.
      expect(new Set(sums).size).toBe(100);
    });
  }

  test("additions over power failures count exactly once", async () => {
    const fileLimits = { segmentBytes: 384 * 1024, maxRecordBytes: 320 * 1024 };
    await using server = await startTestServer({ log: "file", fileLimits, latencyMs: 10 });
    const clients = [await server.connect(), await server.connect()];
    const restarts: Promise<void>[] = [];
    for (const nth of [5, 20, 35, 50, 65, 80])
      server.faults.at({ op: "set", nth }, () => restarts.push(server.faults.restart({ crash: true })));
    const adding = clients.map(async (client) => {
      for (let i = 0; i < 50; i++) await counter(client, C).add(3);
    });
    await eventually(server, Promise.all(adding));
    expect(restarts).toHaveLength(6);
    expect(await eventually(server, counter(clients[0]!, C).get())).toBe(300n);
  });

  test("only the end of a session leaves an outcome unknown, and nothing is added in the next session", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const a = await server.connect({ session: { timeoutMs: 6_000 } });
    await eventually(server, counter(a, C).add());
    for (const [oneWay, added] of [
      ["from-server", 1n],
      ["to-server", 0n],
    ] as const) {
      const before = await eventually(server, counter(a, C).get());
      let partition: Disposable | undefined;
      server.faults.at({ op: "set" }, () => (partition = server.faults.partition(a, { oneWay })));
      const came = counter(a, C)
        .add()
        .then(
          () => "ok",
          (error: { code: string; outcome: string }) => `${error.code} ${error.outcome}`,
        );
      await server.clock.advance(20_000);
      expect(await came).toBe("OUTCOME_UNKNOWN unknown");
      partition![Symbol.dispose]();
      await server.clock.advance(20_000);
      const after = await eventually(server, counter(a, C).get());
      expect(after - before).toBe(added);
    }
  });

  test("reserved numbers are each given to one caller alone", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const clients = await Promise.all([1, 2, 3, 4].map(() => server.connect()));
    const reserving = clients.flatMap((client, c) =>
      [1, 10, 100].map((n) => {
        server.faults.dropReply({ op: "set", client: c + 1, nth: n });
        return counter(client, C).reserve(n);
      }),
    );
    const blocks = await eventually(server, Promise.all(reserving));
    const sorted = blocks.toSorted((x, y) => (x.from < y.from ? -1 : 1));
    let next = 0n;
    for (const { from, to } of sorted) {
      expect(from).toBe(next);
      expect(to).toBeGreaterThan(from);
      next = to;
    }
    expect(next).toBe(444n);
    expect(await counter(clients[0]!, C).get()).toBe(444n);
    for (const n of [0, -1, 0n]) {
      await expect(counter(clients[0]!, C).reserve(n)).rejects.toMatchObject({ code: "BAD_ARGUMENTS", limitName: "n" });
    }
  });

  test("holds all numbers of 64 bits, and refuses to go beyond them without changing anything", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    const c = counter(a, C);
    await c.set(COUNTER_MAX - 1n);
    expect(await c.add()).toBe(2n ** 63n - 1n);
    await expect(c.add()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "counterMax", path: C });
    await expect(c.reserve(1)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await c.get()).toBe(COUNTER_MAX);
    await c.set(COUNTER_MIN);
    await expect(c.add(-1n)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "counterMin" });
    await expect(c.set(COUNTER_MAX + 1n)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await c.get()).toBe(COUNTER_MIN);
    for (const n of [0.5, 2 ** 53, Number.NaN, Infinity]) {
      await expect(c.add(n)).rejects.toMatchObject({ code: "BAD_ARGUMENTS", limitName: "n", outcome: "no" });
    }
  });

  test("compareAndSet writes only what is expected, and of many at once exactly one does", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const clients = await Promise.all([1, 2, 3, 4].map(() => server.connect()));
    const all = (expected: number, value: number): Promise<boolean[]> =>
      eventually(server, Promise.all(clients.map((client) => counter(client, C).compareAndSet(expected, value))));
    expect(await eventually(server, counter(clients[0]!, C).compareAndSet(1, 2))).toBe(false);
    // An absent one is 0.
    expect((await all(0, 7)).filter(Boolean)).toHaveLength(1);
    expect((await all(7, 8)).filter(Boolean)).toHaveLength(1);
    server.faults.dropReply({ op: "set", client: 1 });
    expect(await eventually(server, counter(clients[0]!, C).compareAndSet(8, 9))).toBe(true);
    expect(await eventually(server, counter(clients[1]!, C).compareAndSet(8, 10))).toBe(false);
    expect(await eventually(server, counter(clients[1]!, C).get())).toBe(9n);
  });

  test("is decimal text, as kazoo writes it; an empty znode is 0, and anything else is told, not guessed", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    await a.create("/kazoo", "41", { codec: text });
    expect(await counter(a, "/kazoo").add()).toBe(42n);
    expect((await a.get("/kazoo", { codec: text })).value).toBe("42");
    await a.create("/empty");
    expect(await counter(a, "/empty").add(2)).toBe(2n);
    for (const [i, odd] of ["1.5", "0x10", " 1", "1\n", "9223372036854775808", "abc"].entries()) {
      await a.create(`/odd-${i}`, odd, { codec: text });
      await expect(counter(a, `/odd-${i}`).add()).rejects.toMatchObject({ code: "CODEC", path: `/odd-${i}` });
      await expect(counter(a, `/odd-${i}`).get()).rejects.toMatchObject({ code: "CODEC" });
      await counter(a, `/odd-${i}`).set(5);
      expect(await counter(a, `/odd-${i}`).get()).toBe(5n);
    }
  });

  test("can be guarded by something held, aborted, and ends at its time", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const a = await server.connect();
    const { stat } = await eventually(server, a.create("/held"));
    const guard = { path: "/held", czxid: stat.czxid };
    expect(await eventually(server, counter(a, C).add(1, { guard }))).toBe(1n);
    await eventually(server, a.delete("/held"));
    const refused = (promise: Promise<unknown>): Promise<unknown> =>
      eventually(
        server,
        promise.then(
          () => "ok",
          (error: unknown) => (isCorralError(error) ? error.code : error),
        ),
      );
    expect(await refused(counter(a, C).add(1, { guard }))).toBe("GUARD_FAILED");
    expect(await refused(counter(a, C).set(1, { guard }))).toBe("GUARD_FAILED");
    expect(await refused(counter(a, C).compareAndSet(1, 2, { guard }))).toBe("GUARD_FAILED");
    expect(await refused(counter(a, C).add(1, { signal: AbortSignal.abort() }))).toBe("ABORTED");
    using _partition = server.faults.partition(a);
    const begun = server.clock.now;
    expect(await refused(counter(a, C).add(1, { timeoutMs: 500 }))).toBe("TIMEOUT");
    expect(server.clock.now - begun).toBeLessThanOrEqual(600);
  });

  test("many clients in step all get through, with bounded work", async () => {
    await using server = await startTestServer({ latencyMs: 5 });
    const clients = await Promise.all(Array.from({ length: 16 }, () => server.connect()));
    await eventually(server, Promise.all(clients.flatMap((client) => [1, 2, 3].map(() => counter(client, C).add()))));
    expect(await eventually(server, counter(clients[0]!, C).get())).toBe(48n);
    expect(server.requests({ op: "set", path: C }).length).toBeLessThan(48 * 20);
  });
});
