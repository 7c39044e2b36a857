/** One lock, several clients, and a world that breaks as a seed decides. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { between, drawFrom, oneOf } from "@corral/testing/world";
import { expect, test } from "vitest";
import type { Layout } from "../../src/hold/contender-name.ts";
import { type Lock, lock } from "../../src/lock.ts";
import { chaos, LEASE_FAULTS, validHolders } from "@corral/testing/chaos";
import { eventually } from "../faults/stage.ts";

const PATH = "/locks/a";
const SEEDS = 200;
const SEEDS_A_TEST = 50;
const LONGEST_SESSION_MS = 6_000;

/** How a call may end by what happens to it; anything else is wrong. */
const EXPECTED = ["SESSION_EXPIRED", "OUTCOME_UNKNOWN", "GUARD_FAILED", "SUSPENDED", "ABORTED", "TIMEOUT"];

/**
 * `lease`: at no time may two hold, as far as those can know who do not stand still. `fence`: sessions are ended by the server and
 * holders are evicted, of which whoever is cut off can know nothing; the tokens must do then.
 */
type Promised = "lease" | "fence";

/** A store that keeps the greatest token that it has seen, and takes nothing that comes with a smaller one. */
class FencedStore {
  #greatest = 0;
  readonly taken: number[] = [];
  refused = 0;

  write(token: number): void {
    if (token < this.#greatest) {
      this.refused++;
      return;
    }
    this.#greatest = token;
    this.taken.push(token);
  }
}

interface Told {
  readonly held: number;
  readonly refused: number;
  readonly struck: number;
}

async function contend(seed: number, promised: Promised): Promise<Told> {
  const draw = drawFrom(seed, "contend for a lock");
  const isOnDisk = seed % 20 === 0;
  await using server = await startTestServer({ seed, latencyMs: seed % 3, ...(isOnDisk ? { log: "file" } : {}) });
  const clients = await eventually(
    server,
    Promise.all(
      Array.from({ length: between(draw, 3, 5) }, () =>
        server.connect({ session: { timeoutMs: oneOf(draw, [4_000, 5_000, LONGEST_SESSION_MS]) } }),
      ),
    ),
  );
  const holders = validHolders(1);
  const store = new FencedStore();
  const over = new AbortController();
  const pause = (client: Client, ms: number): Promise<void> =>
    new Promise((resolve) => void client.clock.setTimeout(resolve, ms));

  /** One way of many to use it. */
  const use = async (client: Client, one: Lock): Promise<void> => {
    const work = async (held: { readonly token: number; readonly isValid: boolean }): Promise<void> => {
      holders.add(client, held);
      store.write(held.token);
      await pause(client, between(draw, 0, 800));
      // Without a look at `isValid`: whoever has stood still is to be refused.
      store.write(held.token);
    };
    const given = new AbortController();
    const signal = AbortSignal.any([over.signal, given.signal]);
    switch (between(draw, 0, 5)) {
      case 0:
        client.clock.setTimeout(() => given.abort(), between(draw, 0, 2_000));
        return one.with(work, { signal });
      case 1:
        return one.with(work, { signal, timeoutMs: between(draw, 1, 3_000) });
      case 2: {
        const held = await one.tryAcquire({ signal });
        if (held === undefined) return pause(client, 50);
        await work(held);
        await held.release({ timeoutMs: between(draw, 1, 1_000) });
        return;
      }
      case 3: {
        await using held = await one.acquire({ signal, onSuspended: "abort" });
        return await work(held);
      }
      case 4: {
        const [holder] = await one.contenders({ signal });
        if (holder !== undefined && promised === "fence" && draw() < 0.5) await one.evict(holder.token, { signal });
        return pause(client, 200);
      }
      default:
        return one.with(work, { signal });
    }
  };
  const working = clients.map(async (client, i) => {
    const one = lock(client, PATH, { layout: oneOf<Layout>(draw, ["curator", "kazoo"]), identity: `client ${i}` });
    while (!over.signal.aborted) {
      try {
        await use(client, one);
      } catch (error) {
        if (!EXPECTED.includes((error as { code: string }).code)) throw error;
      }
    }
  });
  const failed = Promise.all(working);
  failed.catch(() => over.abort());

  const faults = [...LEASE_FAULTS];
  if (isOnDisk) faults.push("crash");
  if (promised === "fence") faults.push("expire", "expire");
  const always = promised === "lease" ? holders.check : undefined;
  const { struck } = await chaos({ server, clients, seed, steps: 8, faults, longMs: 8_000, always });
  over.abort();
  await eventually(server, failed);
  // Until every client knows what became of its session.
  await server.clock.advance(LONGEST_SESSION_MS);
  // Whoever waits gets it, one after the other.
  const waiting = clients.map((client) => lock(client, PATH).with((held) => held.token));
  const tokens = await eventually(server, Promise.all(waiting), 30_000);
  expect(new Set(tokens).size).toBe(clients.length);
  await server.clock.advance(1_000);
  holders.check({ isStalled: () => false });

  expect(server.dump().filter(({ path }) => path.startsWith(`${PATH}/`))).toEqual([]);
  expect(server.leaks()).toMatchObject({ sessions: clients.length, ephemerals: 0, watches: 0, waiting: 0 });
  await eventually(server, Promise.all(clients.map((client) => client.close())));
  expect(Object.entries(server.leaks()).filter(([, count]) => count !== 0)).toEqual([]);
  // What was written was written under one token after the other, whoever stood still meanwhile.
  expect(store.taken).toEqual(store.taken.toSorted((a, b) => a - b));
  return { held: holders.count, refused: store.refused, struck: struck.length };
}

/** Many worlds, one after the other. */
async function survives(first: number, promised: Promised): Promise<void> {
  const told: Told[] = [];
  for (let seed = first; seed < first + SEEDS_A_TEST; seed++) {
    try {
      told.push(await contend(seed, promised));
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // Otherwise this would prove nothing.
  expect(told.filter(({ held }) => held > 0).length).toBeGreaterThan(0.9 * SEEDS_A_TEST);
  expect(told.reduce((sum, { struck }) => sum + struck, 0)).toBeGreaterThan(4 * SEEDS_A_TEST);
  expect(told.reduce((sum, { refused }) => sum + refused, 0)).toBeGreaterThan(0);
}

for (let first = 1; first <= SEEDS; first += 2 * SEEDS_A_TEST) {
  const [second, last] = [first + SEEDS_A_TEST, first + 2 * SEEDS_A_TEST - 1];
  test(`whatever happens, one holds at a time, every waiter finishes, and nothing is left: seeds ${first} to ${second - 1}`, async () => {
    await survives(first, "lease");
  }, 30_000);

  test(`whoever is expired or evicted meanwhile, a fenced store takes nothing from one who held before, and nothing is left: seeds ${second} to ${last}`, async () => {
    await survives(second, "fence");
  }, 30_000);
}
