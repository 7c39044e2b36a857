/** One election, three candidates that stand again and again, and a world that breaks as a seed decides. */
import { type Client, isCorralError } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { candidatesLeft, connect, named, PATH, TIMEOUT_MS, until } from "../electing.ts";
import { chaos, validHolders } from "@corral/testing/chaos";
import { eventually } from "../faults/stage.ts";

const CANDIDATES = 3;
/** In whatever session. */
async function answered(client: Client): Promise<void> {
  try {
    await client.sync("/", { timeoutMs: Infinity });
  } catch (error) {
    if (!isCorralError(error, "SESSION_EXPIRED")) throw error;
    await answered(client);
  }
}

/** Faults that can cost all candidates their places. */
const STRIKES_ALL = /^(cut all|partition all|restart|crash|server stall|drop)/;

test.each(Array.from({ length: 24 }, (_, i) => i + 1))(
  "chaos of seed %i: never two leaders, terms that rise, one leader soon after, and no more campaigns than losses",
  async (seed) => {
    await using server = await startTestServer({ seed, latencyMs: 1, log: seed % 4 === 0 ? "file" : "memory" });
    const clients = await Promise.all(Array.from({ length: CANDIDATES }, () => connect(server)));
    const observer = await connect(server);
    const holders = validHolders(1);
    const stop = new AbortController();
    const running = clients.map((client, i) =>
      named(client, `${i}`).run(
        (leadership, signal) => {
          holders.add(client, leadership);
          return until(signal);
        },
        { again: true, signal: stop.signal },
      ),
    );
    const observed: number[] = [];
    const observing = (async () => {
      for await (const leader of named(observer, "").observe({ signal: stop.signal }))
        if (leader !== undefined) observed.push(leader.term);
    })();
    const { struck } = await chaos({
      server,
      clients: [...clients, observer],
      seed,
      steps: 50,
      always: (now) => holders.check(now),
    });
    // The last fault is over when the server answers.
    await eventually(server, answered(observer));
    await server.clock.advance(2 * TIMEOUT_MS);
    const leader = await eventually(server, named(observer, "").current());
    const candidates = await eventually(server, named(observer, "").candidates());
    expect(candidates.map(({ holds }) => holds)).toEqual([true, false, false]);
    expect(observed.at(-1)).toBe(leader?.term);
    expect(observed).toEqual(observed.toSorted((x, y) => x - y));
    expect(holders.count).toBeGreaterThan(1);
    expect(holders.most).toBe(1);

    const losses = struck.reduce((sum, what) => sum + (STRIKES_ALL.test(what) ? CANDIDATES : 1), 0);
    const creates = server.requests({ op: "create" }).filter(({ path }) => path?.startsWith(`${PATH}/`));
    const campaigns = new Set(creates.map(({ session, xid }) => `${session} ${xid}`)).size;
    expect(campaigns).toBeLessThanOrEqual(CANDIDATES + losses);

    stop.abort();
    await eventually(server, Promise.all([...running, observing]));
    await server.clock.advance(1_000);
    expect(candidatesLeft(server)).toEqual([]);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
  },
);
