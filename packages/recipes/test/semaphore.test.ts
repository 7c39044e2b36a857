import { type Client, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { between, drawFrom, oneOf } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import type { Held } from "../src/hold/held.ts";
import { semaphore, type SemaphoreOptions } from "../src/semaphore.ts";
import { SEMAPHORE_ESTABLISH_TRIES_MAX, SEMAPHORE_PERMITS_MAX } from "../src/semaphore/books.ts";
import { chaos, validHolders } from "./faults/chaos.ts";
import { eventually } from "./faults/stage.ts";

const PATH = "/semaphores/a";
const three: SemaphoreOptions = { permits: 3 };

const connected = (server: TestServer, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => server.connect({ session: { timeoutMs: 6_000 } })));

/** Paths below a part of the semaphore. */
const below = (server: TestServer, part: "queue" | "leases"): string[] =>
  server
    .dump()
    .map(({ path }) => path)
    .filter((path) => path.startsWith(`${PATH}/${part}/`));

/** What it rejects with. */
const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** What those have come to that have come to something. */
function counted(promises: readonly Promise<Held>[]): { readonly held: Held[] } {
  const held: Held[] = [];
  for (const promise of promises) void promise.then((one) => held.push(one));
  return { held };
}

describe("semaphore", () => {
  test("as many hold as there are permits, and no more; the others are served in the order of coming", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, 8);
    const order: number[] = [];
    const held: Held[] = [];
    const all = clients.map(async (client, i) => {
      const own = await semaphore(client, PATH, three).acquire();
      order.push(i);
      held.push(own);
    });
    await server.clock.runUntilIdle();
    const first = semaphore(clients[0]!, PATH, three);
    expect(new Set(order)).toEqual(new Set([0, 1, 2]));
    expect(await first.available()).toBe(0);
    expect(await first.tryAcquire()).toBeUndefined();
    expect((await first.waiters()).map(({ holds }) => holds)).toEqual([false, false, false, false, false]);
    for (let i = 3; i < 8; i++) {
      expect(await held.shift()!.release()).toBe("released");
      await server.clock.runUntilIdle();
      expect(order).toHaveLength(i + 1);
      expect(order.at(-1)).toBe(i);
      expect((await first.holders()).map(({ token }) => token)).toEqual(held.map(({ token }) => token));
    }
    await Promise.all(all);
    for (const own of held) await own.release();
    expect(await first.available()).toBe(3);
  });

  test("permits that are free are given at once to all who come at once, also to those who only try", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const clients = await eventually(server, connected(server, 20));
    const waits: unknown[] = [];
    const all = clients.map((client) =>
      semaphore(client, PATH, { permits: 40 }).acquire({ onWait: (waiting) => waits.push(waiting) }),
    );
    expect(await eventually(server, Promise.all(all))).toHaveLength(20);
    const tries = clients.map((client) => semaphore(client, PATH, { permits: 40 }).tryAcquire());
    expect((await eventually(server, Promise.all(tries))).filter((held) => held !== undefined)).toHaveLength(20);
    expect(waits).toEqual([]);
    expect(new Set((await eventually(server, Promise.all(all))).map(({ token }) => token)).size).toBe(20);
  });

  test("no permit leaks, whatever strikes whoever acquires at whichever step (pain 12)", async () => {
    const faults = ["drop reply", "expire", "abort", "partition"] as const;
    let struck = 0;
    for (const fault of faults) {
      for (let step = 1; ; step++) {
        await using server = await startTestServer({ latencyMs: 1, seed: step });
        const [subject, other] = await eventually(server, connected(server, 2));
        const theirs = semaphore(other!, PATH, three);
        const two = await eventually(server, Promise.all([theirs.acquire(), theirs.acquire()]));
        const stop = new AbortController();
        const at = { client: 1, nth: step };
        let isStruck = false;
        const arm = (act: () => void): unknown =>
          server.faults.at(at, () => {
            isStruck = true;
            act();
          });
        arm(() => {});
        if (fault === "drop reply") server.faults.dropReply(at);
        else if (fault === "expire") arm(() => void server.faults.expire(subject!));
        else if (fault === "abort") arm(() => stop.abort());
        else arm(() => server.faults.partition(subject!));
        // The last permit, and then one that has to be waited for. What it came to is not told to anybody.
        const mine = semaphore(subject!, PATH, three);
        const lastOne = mine.acquire({ signal: stop.signal });
        const oneMore = mine.acquire({ signal: stop.signal, timeoutMs: 5_000 });
        for (const one of [lastOne, oneMore]) one.catch(() => {});
        await server.clock.advance(100);
        for (const held of two) await eventually(server, held.release());
        await server.clock.advance(8_000);
        for (const one of await Promise.allSettled([lastOne, oneMore]))
          if (one.status === "fulfilled") await eventually(server, one.value.release({ timeoutMs: 100 }));
        await server.clock.advance(10_000);
        const after = `${fault} at step ${step}`;
        expect(await eventually(server, theirs.available()), after).toBe(3);
        expect([...below(server, "leases"), ...below(server, "queue")], after).toEqual([]);
        if (!isStruck) break;
        struck++;
      }
    }
    expect(struck).toBeGreaterThan(40);
  }, 60_000);

  test("the number of permits is stored by whoever comes first; who comes with another one is refused, and has written nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const held = await semaphore(a!, PATH, three).acquire();
    const before = server.dump();
    const other = semaphore(b!, PATH, { permits: 5 });
    const refused = { code: "BAD_ARGUMENTS", limitName: "permits", limit: 3, actual: 5, path: `${PATH}/permits` };
    await expect(other.acquire()).rejects.toMatchObject(refused);
    await expect(other.tryAcquire()).rejects.toMatchObject(refused);
    await expect(other.with(() => 1)).rejects.toMatchObject(refused);
    expect(server.dump()).toEqual(before);
    expect(await other.available()).toBe(2);
    const modest = semaphore(b!, PATH, { permits: 5, onMismatch: "use-stored" });
    const two = [await modest.acquire(), await modest.acquire()];
    expect(await modest.tryAcquire()).toBeUndefined();
    for (const one of [held, ...two]) await one.release();
    expect((await a!.get(`${PATH}/permits`, { codec: text })).value).toBe("3");
  });

  test("a greater number lets in as many more, a smaller one takes nothing away; who was there before follows", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, 6);
    const [mine] = clients.map((client) => semaphore(client, PATH, three));
    const { held } = counted(clients.map((client) => semaphore(client, PATH, three).acquire()));
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(3);
    expect(await mine!.resize(5)).toBe(3);
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(5);
    expect(await mine!.resize(2)).toBe(5);
    await server.clock.runUntilIdle();
    expect(await mine!.available()).toBe(-3);
    expect(held.every(({ isValid }) => isValid)).toBe(true);
    for (let i = 0; i < 3; i++) await held[i]!.release();
    await server.clock.runUntilIdle();
    expect(await mine!.available()).toBe(0);
    expect(held).toHaveLength(5);
    await held[3]!.release();
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(6);
    // One who comes now comes with the wrong number.
    await expect(semaphore(clients[1]!, PATH, three).acquire()).rejects.toMatchObject({ code: "BAD_ARGUMENTS" });
    expect(await mine!.tryAcquire()).toBeUndefined();
  });

  test("no permit at all is a number too: all wait until there is one", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const none = semaphore(a!, PATH, { permits: 0 });
    expect(await none.available()).toBe(0);
    expect(await none.tryAcquire()).toBeUndefined();
    const { held } = counted([none.acquire(), semaphore(b!, PATH, { permits: 0 }).acquire()]);
    await server.clock.runUntilIdle();
    expect(held).toEqual([]);
    await none.resize(1);
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(1);
    await held[0]!.release();
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(2);
    // Before anybody has stored one there is none before.
    expect(await semaphore(a!, "/semaphores/new", three).resize(7)).toBeUndefined();
    expect(await semaphore(b!, "/semaphores/new", { permits: 7 }).tryAcquire()).toBeDefined();
  });

  test("a number that is lowered between the look and the lease is respected", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = semaphore(a!, PATH, three);
    expect(await mine.available()).toBe(3);
    const theirs = semaphore(b!, PATH, three);
    await (await theirs.acquire()).release();
    const late = server.faults.delayReply({ op: "multiRead", client: 1 }, 100);
    const { held } = counted([mine.acquire()]);
    // The answer to its second look, that of the waiter, is on its way.
    await server.clock.advance(150);
    expect(below(server, "queue")).toHaveLength(1);
    await theirs.resize(0);
    late.end();
    await server.clock.advance(100);
    expect(server.requests({ op: "multi", client: 1 })).toHaveLength(1);
    expect(held).toEqual([]);
    expect(below(server, "leases")).toEqual([]);
    await theirs.resize(1);
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(1);
  });

  test("a permit that comes free while the first in the queue looks is not missed", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const theirs = await semaphore(b!, PATH, { permits: 1 }).acquire();
    const mine = semaphore(a!, PATH, { permits: 1, onMismatch: "use-stored" });
    const late = server.faults.delayReply({ op: "multiRead", client: 1 }, 100);
    const { held } = counted([mine.acquire()]);
    // It has been told that there is none, and does not know it yet.
    await server.clock.advance(50);
    expect(late.hits).toBe(1);
    late.end();
    await theirs.release();
    await server.clock.advance(100);
    expect(held).toHaveLength(1);
  });

  test("a release wakes one waiter, at a cost that does not grow with the queue", async () => {
    await using server = await startTestServer();
    const [holder, ...others] = await connected(server, 101);
    const first = await semaphore(holder!, PATH, { permits: 1 }).acquire();
    const all = others.map((client) => semaphore(client, PATH, { permits: 1 }).acquire());
    const { held } = counted(all);
    await server.clock.runUntilIdle();
    let before = server.requests().length;
    await first.release();
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(1);
    const asked = server.requests().slice(before);
    // The one who got it, and the one who is first now.
    expect(new Set(asked.map(({ client }) => client)).size).toBe(3);
    expect(asked.length).toBeLessThanOrEqual(12);
    before = server.requests().length;
    for (let i = 0; i < 100; i++) {
      await held[i]!.release();
      await server.clock.runUntilIdle();
    }
    expect(held).toHaveLength(100);
    expect(server.requests().length - before).toBeLessThanOrEqual(12 * 100);
    await Promise.all(all);
    expect(server.leaks().watches).toBe(0);
  });

  test("one time limit is for the whole waiting, however often it is woken (pain 40)", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const theirs = semaphore(b!, PATH, { permits: 1, onMismatch: "use-stored" });
    const queue = Array.from({ length: 20 }, () => theirs.acquire());
    await server.clock.runUntilIdle();
    const from = server.clock.now;
    const positions: number[] = [];
    const mine = semaphore(a!, PATH, { permits: 1 });
    const acquiring = mine.acquire({ timeoutMs: 1_000, onWait: ({ position }) => positions.push(position) });
    let endedAt: number | undefined;
    acquiring.catch(() => (endedAt = server.clock.now));
    for (const held of queue) {
      await server.clock.advance(90);
      await (await held).release();
      await server.clock.runUntilIdle();
    }
    await expect(acquiring).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(endedAt! - from).toBe(1_000);
    expect(positions[0]).toBe(19);
    expect(below(server, "queue")).toEqual([]);
    expect(await mine.available()).toBe(1);
    // The first in the queue is told what it waits for.
    const held = await mine.acquire();
    const waits: unknown[] = [];
    const stop = new AbortController();
    const waiting = mine.acquire({ signal: stop.signal, onWait: (waited) => waits.push(waited) });
    waiting.catch(() => {});
    await server.clock.runUntilIdle();
    expect(waits).toMatchObject([{ position: 0, behind: `${PATH}/leases` }]);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    await server.clock.runUntilIdle();
    expect(below(server, "queue")).toEqual([]);
    await held.release();
  });

  test("a permit is lost before another has it, and what it guards is refused from then on", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const held = await semaphore(a!, PATH, { permits: 1 }).acquire();
    const events: string[] = [];
    held.signal.addEventListener("abort", () => events.push("lost"));
    const next = semaphore(b!, PATH, { permits: 1 }).acquire();
    void next.then(() => events.push("acquired"));
    await a!.create("/first", null, { guard: held.guard });
    using partition = server.faults.partition(a!);
    await server.clock.advance(10_000);
    expect(events).toEqual(["lost", "acquired"]);
    expect(held.isValid).toBe(false);
    partition.end();
    await server.clock.advance(5_000);
    await expect(a!.create("/late", null, { guard: held.guard })).rejects.toMatchObject({
      code: "GUARD_FAILED",
    });
    await b!.create("/second", null, { guard: (await next).guard });
    // A machine that slept knows at its first look, before any timer.
    server.faults.sleepClient(b!, 20_000);
    await server.clock.advance(19_999);
    expect((await next).isValid).toBe(false);
  });

  test("whoever holds can be asked to let go, or be evicted; so can whoever waits", async () => {
    await using server = await startTestServer();
    const [a, b, ops] = await connected(server, 3);
    const held = await semaphore(a!, PATH, { permits: 1 }).acquire();
    const waiting = refusal(semaphore(b!, PATH, { permits: 1 }).acquire());
    await server.clock.runUntilIdle();
    const theirs = semaphore(ops!, PATH, { permits: 1, identity: "ops" });
    const [holder] = await theirs.holders();
    const [waiter] = await theirs.waiters();
    expect(holder).toMatchObject({ token: held.token, isMine: false, holds: true });
    expect(await theirs.requestRevoke(holder!.token, "deploy")).toBe(true);
    await server.clock.runUntilIdle();
    expect(held.revokeRequested.reason).toEqual({ by: "ops", why: "deploy" });
    expect(await theirs.requestRevoke(waiter!.token)).toBe(false);
    expect(await theirs.evict(waiter!.token)).toBe(true);
    expect(await waiting).toMatchObject({ code: "GUARD_FAILED", path: waiter!.path });
    expect(await theirs.evict(waiter!.token)).toBe(false);
    expect(await theirs.evict(held.token)).toBe(true);
    await server.clock.runUntilIdle();
    expect((held.signal.reason as { code: string }).code).toBe("GUARD_FAILED");
    expect(await theirs.available()).toBe(1);
  });

  test("with gives the permit back, whatever the work comes to", async () => {
    await using server = await startTestServer();
    const [client] = await connected(server, 1);
    const mine = semaphore(client!, PATH, three);
    expect(await mine.with(({ isValid }) => isValid)).toBe(true);
    const failed = new Error("work");
    await expect(mine.with(() => Promise.reject(failed))).rejects.toBe(failed);
    await expect(mine.with(async ({ token }) => mine.evict(token))).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(await mine.available()).toBe(3);
  });

  test("a semaphore that is deleted ends the waiting of all, and can be made again", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = semaphore(a!, PATH, { permits: 1 });
    const held = await mine.acquire();
    const waiting = [1, 2, 3].map(() => expect(mine.acquire()).rejects.toMatchObject({ code: "GUARD_FAILED" }));
    await server.clock.runUntilIdle();
    await b!.delete(PATH, { recursive: true });
    await Promise.all(waiting);
    await server.clock.runUntilIdle();
    expect(held.isValid).toBe(false);
    expect((await semaphore(b!, PATH, three).acquire()).isValid).toBe(true);
    // Of one whose leases alone are deleted nothing is left but the number.
    await b!.delete(`${PATH}/leases`, { recursive: true });
    expect(await semaphore(b!, PATH, three).available()).toBe(3);
    expect((await semaphore(b!, PATH, three).acquire()).isValid).toBe(true);
    expect(await semaphore(b!, PATH, three).available()).toBe(2);
    // One that is deleted again and again is given up.
    const blind = Object.create(a!) as { multiRead: unknown };
    let looks = 0;
    blind.multiRead = () => {
      looks++;
      const error = { code: "NO_NODE" };
      return Promise.resolve([
        { ok: false, error },
        { ok: false, error },
      ]);
    };
    await expect(semaphore(blind as unknown as Client, PATH, three).tryAcquire()).rejects.toMatchObject({
      code: "NO_NODE",
      limitName: "establishTries",
    });
    expect(looks).toBe(SEMAPHORE_ESTABLISH_TRIES_MAX);
  });

  test("numbers that are none are refused; a stored one that is none is told", async () => {
    await using server = await startTestServer();
    const [client] = await connected(server, 1);
    for (const permits of [-1, 1.5, Number.NaN, SEMAPHORE_PERMITS_MAX + 1]) {
      const refused = expect.objectContaining({ code: "BAD_ARGUMENTS", limitName: "permits" }) as Error;
      expect(() => semaphore(client!, PATH, { permits })).toThrow(refused);
      await expect(semaphore(client!, PATH, three).resize(permits)).rejects.toBeDefined();
    }
    expect(server.dump().some(({ path }) => path.startsWith(PATH))).toBe(false);
    await (await semaphore(client!, PATH, three).acquire()).release();
    await client!.set(`${PATH}/permits`, new TextEncoder().encode('"many"'));
    await expect(semaphore(client!, PATH, three).acquire()).rejects.toMatchObject({ code: "CODEC" });
    await expect(semaphore(client!, PATH, three).available()).rejects.toMatchObject({ code: "CODEC" });
  });

  test.each([1, 2, 3, 4, 5, 6])(
    "whatever happens, never more hold than there are permits, and all come back (chaos, seed %i)",
    async (seed) => {
      await using server = await startTestServer({ seed, latencyMs: 1, log: "file" });
      const clients = await eventually(server, connected(server, 5));
      const draw = drawFrom(seed, "semaphore work");
      const over = new AbortController();
      const holders = validHolders(3);
      const working = clients.flatMap((client) =>
        [1, 2].map(async () => {
          const mine = semaphore(client, PATH, three);
          while (!over.signal.aborted) {
            try {
              const how = { signal: over.signal, timeoutMs: oneOf(draw, [200, 2_000, 60_000]) };
              const held = await (draw() < 0.2 ? mine.tryAcquire(how) : mine.acquire(how));
              if (held !== undefined) holders.add(client, held);
              await new Promise<void>((resolve) => void client.clock.setTimeout(resolve, between(draw, 20, 800)));
              await held?.release();
            } catch (error) {
              const codes = ["SESSION_EXPIRED", "OUTCOME_UNKNOWN", "ABORTED", "TIMEOUT", "GUARD_FAILED"];
              if (!codes.includes((error as { code: string }).code)) throw error;
            }
          }
        }),
      );
      await chaos({ server, clients, seed, steps: 40, always: holders.check });
      over.abort();
      await eventually(server, Promise.all(working));
      await server.clock.advance(30_000);
      expect(await eventually(server, semaphore(clients[0]!, PATH, three).available())).toBe(3);
      expect([...below(server, "leases"), ...below(server, "queue")]).toEqual([]);
      expect(holders.count).toBeGreaterThan(20);
      expect(holders.most).toBe(3);
    },
    30_000,
  );
});
