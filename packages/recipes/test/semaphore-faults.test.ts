/** A semaphore in a world that breaks: a permit is never held by one too many, and never lost. */
import { startTestServer } from "@corral/testing";
import { between, drawFrom, oneOf } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import { semaphore } from "../src/semaphore.ts";
import { connected } from "./connecting.ts";
import { chaos, validHolders } from "@corral/testing/chaos";
import { eventually } from "./faults/stage.ts";
import { below, PATH, three } from "./three-permits.ts";

describe("semaphore", () => {
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
