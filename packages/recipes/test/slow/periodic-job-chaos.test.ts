/** One periodic job, three members, and a world that breaks as a seed decides. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import type { Turn } from "../../src/periodic-job.ts";
import { connect, sleep, TIMEOUT_MS, until } from "../electing.ts";
import { chaos } from "@corral/testing/chaos";
import { eventually } from "../faults/stage.ts";
import { apart, member, type Ran } from "../periodic-member.ts";

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`chaos of seed ${seed}: no period is begun twice, no two runs at once, and the job goes on when all is well`, async () => {
    await using server = await startTestServer({ seed, latencyMs: 1, log: "file" });
    const clients = await Promise.all([1, 2, 3].map(() => connect(server)));
    const everyMs = 2_000;
    const ran: Ran[] = [];
    const going = new Map<Client, Turn>();
    const jobs = clients.map((client, i) =>
      member(client, `${i}`, ran, {
        everyMs,
        run: async (turn) => {
          expect(going.has(client)).toBe(false);
          going.set(client, turn);
          await Promise.race([sleep(client, 700), until(turn.signal)]);
          going.delete(client);
          turn.signal.throwIfAborted();
        },
      }),
    );
    await chaos({
      server,
      clients,
      seed,
      steps: 80,
      always: ({ isStalled }) => {
        const valid = [...going].filter(([client, turn]) => !isStalled(client) && turn.leadership.isValid);
        expect(valid.length).toBeLessThanOrEqual(1);
      },
    });
    const before = ran.length;
    await server.clock.advance(2 * TIMEOUT_MS + 10 * everyMs);
    expect(ran.length - before).toBeGreaterThanOrEqual(10);
    expect(before).toBeGreaterThan(3);
    for (const gap of apart(ran.toSorted((x, y) => x.at - y.at))) expect(gap).toBeGreaterThanOrEqual(everyMs);
    expect(jobs.filter(({ isLeader }) => isLeader)).toHaveLength(1);
    await eventually(server, Promise.all(jobs.map((job) => job.stop())));
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
  });
}
