import { json } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { latch, LATCH_COUNT_MAX } from "../src/latch.ts";
import { eventually } from "./faults/stage.ts";

const L = "/latches/l";

describe("latch", () => {
  test("opens when as many different keys have been told as it counts, and stays open", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    expect(await latch(b, L, 3).left()).toBe(3);
    let isOpen = false;
    const waiting = latch(b, L, 3)
      .wait()
      .then(() => (isOpen = true));
    expect(await latch(a, L, 3).countDown("x")).toBe(2);
    expect(await latch(b, L, 3).countDown("y")).toBe(1);
    expect(await latch(b, L, 3).left()).toBe(1);
    await server.clock.advance(100_000);
    expect(isOpen).toBe(false);
    expect(await latch(a, L, 3).countDown("z")).toBe(0);
    await waiting;
    await latch(a, L, 3).wait();
    expect(await latch(a, L, 3).countDown("one more")).toBe(0);
    expect(await latch(a, L, 3).left()).toBe(0);
    expect(server.leaks().watches).toBe(0);
  });

  test("a key counts once, however often and by whomever it is told", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    for (const client of [a, b, a, b]) expect(await latch(client, L, 2).countDown("same")).toBe(1);
    const together = [a, b, a].map((client) => latch(client, L, 2).countDown("other"));
    expect(await eventually(server, Promise.all(together))).toEqual([0, 0, 0]);
    expect(await latch(a, L, 2).left()).toBe(0);
  });

  test("any text is a key of its own, and what is not text is refused", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    const keys = ["", ".", "..", "a/b", "a%2Fb", "key-", "done", "ö", "\u{1f600}", "\0"];
    for (const [i, key] of keys.entries()) expect(await latch(a, L, 20).countDown(key)).toBe(19 - i);
    for (const key of keys) expect(await latch(a, L, 20).countDown(key)).toBe(20 - keys.length);
    await expect(latch(a, L, 20).countDown("\ud800")).rejects.toMatchObject({
      code: "BAD_ARGUMENTS",
      limitName: "key",
    });
    await expect(latch(a, L, 20).countDown("x".repeat(5_000))).rejects.toMatchObject({ code: "BAD_ARGUMENTS" });
  });

  test("counts exactly once over 100 keys from four clients with every third reply lost", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const clients = await Promise.all([1, 2, 3, 4].map(() => server.connect()));
    const told = (async () => {
      const left = clients.map(async (client, c) => {
        const seen: number[] = [];
        for (let i = 0; i < 25; i++) {
          if (i % 3 === 0) server.faults.dropReply({ op: "multi", client: c + 1 });
          seen.push(await latch(client, L, 100).countDown(`${c} ${i}`));
        }
        return seen;
      });
      return (await Promise.all(left)).flat();
    })();
    const left = await eventually(server, told);
    expect(left.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    await latch(clients[0]!, L, 100).wait();
  });

  test("many who count down at once all get through, with bounded work", async () => {
    await using server = await startTestServer({ latencyMs: 5 });
    const clients = await Promise.all(Array.from({ length: 50 }, () => server.connect()));
    const telling = clients.flatMap((client, c) => [0, 1].map((i) => latch(client, L, 100).countDown(`${c} ${i}`)));
    const left = await eventually(server, Promise.all(telling));
    expect(left.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(server.requests({ op: "multi" }).length).toBeLessThan(100 * 20);
  });

  test("an aborted count-down that was sent says that it may have counted", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const a = await server.connect();
    await eventually(server, latch(a, L, 3).countDown("x"));
    const abort = new AbortController();
    server.faults.at({ op: "multi" }, () => abort.abort());
    const aborted = latch(a, L, 3).countDown("y", { signal: abort.signal });
    await expect(eventually(server, aborted)).rejects.toMatchObject({ code: "ABORTED", outcome: "unknown", path: L });
    expect(await eventually(server, latch(a, L, 3).countDown("y"))).toBe(1);
  });

  test("is open from the very transaction in which nothing is left, also if its last teller dies with it", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await latch(a, L, 2).countDown("x");
    const waiting = latch(b, L, 2).wait();
    await server.clock.runUntilIdle();
    // Its answer is never heard, and it is never heard of again.
    using lost = server.faults.dropReply({ op: "multi", client: 1 });
    const last = latch(a, L, 2).countDown("y");
    last.catch(() => {});
    server.faults.at({ op: "multi", client: 1 }, () => server.faults.stallClient(a, 1_000_000));
    await eventually(server, waiting, 1_000);
    expect(lost.hits).toBe(1);
  });

  test("an answer that is never heard, because the session ended, is OUTCOME_UNKNOWN; told again, it counts once", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const a = await server.connect({ session: { timeoutMs: 6_000 } });
    await latch(a, L, 5).countDown("x");
    server.faults.at({ op: "multi" }, () => server.faults.partition(a, { oneWay: "from-server" }));
    const unheard = latch(a, L, 5).countDown("y");
    const came = unheard.then(
      () => "counted",
      (error: { code: string }) => error.code,
    );
    await server.clock.advance(10_000);
    expect(await came).toBe("OUTCOME_UNKNOWN");
    const b = await server.connect();
    expect(await latch(b, L, 5).left()).toBe(3);
    expect(await latch(b, L, 5).countDown("y")).toBe(3);
  });

  test("a wait goes on over cuts, restarts and the end of the waiter's session, and ends at its time or by its signal", async () => {
    await using server = await startTestServer({ log: "file" });
    const [a, b] = [await server.connect(), await server.connect({ session: { timeoutMs: 6_000 } })];
    const signal = new AbortController();
    const came: string[] = [];
    const waiting = [{}, { timeoutMs: 60_000 }, { signal: signal.signal }].map((options, i) =>
      latch(b, L, 1)
        .wait(options)
        .then(
          () => came.push(`${i}`),
          (error: { code: string }) => came.push(`${i} ${error.code}`),
        ),
    );
    await server.clock.runUntilIdle();
    server.faults.cut(b);
    await server.faults.restart({ crash: true });
    await server.clock.advance(2_000);
    server.faults.stallClient(b, 20_000);
    await server.clock.advance(30_000);
    expect(b.stats().sessionsLost).toBe(1);
    signal.abort();
    await server.clock.advance(28_000);
    expect(came).toEqual(["2 ABORTED", "1 TIMEOUT"]);
    await latch(a, L, 1).countDown("x");
    await Promise.all(waiting);
    expect(came).toHaveLength(3);
    expect(server.leaks().watches).toBe(0);
  });

  test("all waiters are woken by one event each, without a request, and by no count-down before the last", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    const clients = await Promise.all(Array.from({ length: 50 }, () => server.connect()));
    const waiting = clients.map((client) => latch(client, L, 10).wait());
    await server.clock.runUntilIdle();
    const before = server.requests().filter(({ client }) => client > 1).length;
    for (let i = 0; i < 10; i++) await latch(a, L, 10).countDown(`${i}`);
    await Promise.all(waiting);
    expect(server.requests().filter(({ client }) => client > 1)).toHaveLength(before);
  });

  test("reset begins anew, and whoever waits waits for the new one", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    expect(await latch(a, L, 2).reset()).toBe(false);
    await latch(a, L, 2).countDown("x");
    let isOpen = false;
    const waiting = latch(a, L, 2)
      .wait()
      .then(() => (isOpen = true));
    expect(await latch(a, L, 2).reset()).toBe(true);
    expect(server.dump().some(({ path }) => path.startsWith(L))).toBe(false);
    expect(await latch(a, L, 2).countDown("y")).toBe(1);
    await server.clock.runUntilIdle();
    expect(isOpen).toBe(false);
    expect(await latch(a, L, 2).countDown("x")).toBe(0);
    await waiting;
    expect(await latch(a, L, 2).reset()).toBe(true);
    expect(await latch(a, L, 2).left()).toBe(2);
  });

  test("the largest one can be reset", { timeout: 20_000 }, async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    await latch(a, L, LATCH_COUNT_MAX).countDown("x");
    const value = { count: LATCH_COUNT_MAX, left: 0 };
    await a.set(L, value, { codec: json() });
    const keys = Array.from({ length: LATCH_COUNT_MAX - 1 }, (_, i) => a.create(`${L}/key-${i}`));
    await Promise.all([...keys, a.create(`${L}/done`)]);
    expect(await latch(a, L, LATCH_COUNT_MAX).reset()).toBe(true);
  });

  test("two who mean different counts, a count out of range, and a znode that is no latch are told", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    await latch(a, L, 2).countDown("x");
    const wrong = { code: "BAD_ARGUMENTS", limitName: "count", limit: 2, actual: 3 };
    await expect(latch(a, L, 3).countDown("x")).rejects.toMatchObject(wrong);
    await expect(latch(a, L, 3).left()).rejects.toMatchObject(wrong);
    await expect(latch(a, L, 3).wait()).rejects.toMatchObject(wrong);
    for (const count of [0, -1, 1.5, LATCH_COUNT_MAX + 1, Number.NaN])
      expect(() => latch(a, L, count)).toThrow(expect.objectContaining({ code: "BAD_ARGUMENTS" }));
    await a.create("/other", new Uint8Array([1]));
    await expect(latch(a, "/other", 1).countDown("x")).rejects.toMatchObject({ code: "CODEC", path: "/other" });
  });
});
