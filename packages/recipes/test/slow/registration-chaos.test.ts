/** Registrations and groups in a world that breaks as a seed decides. */
import { type Client, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { expect, test } from "vitest";
import { type Group, group, type GroupState } from "../../src/group.ts";
import { type Registration, register } from "../../src/registration.ts";
import { chaos, type ChaosFault, LEASE_FAULTS, validHolders } from "@corral/testing/chaos";
import { eventually } from "../faults/stage.ts";

const SEEDS_A_TEST = 25;
const LONGEST_SESSION_MS = 6_000;
const codec = text;

interface Stage {
  readonly server: TestServer;
  readonly clients: readonly Client[];
  readonly draw: Draw;
  readonly faults: readonly ChaosFault[];
}

async function stage(seed: number, name: string, count: number): Promise<Stage> {
  const draw = drawFrom(seed, name);
  const isOnDisk = seed % 10 === 0;
  const server = await startTestServer({ seed, latencyMs: seed % 3, ...(isOnDisk ? { log: "file" } : {}) });
  const opening = Array.from({ length: count }, () =>
    server.connect({ session: { timeoutMs: oneOf(draw, [4_000, 5_000, LONGEST_SESSION_MS]) } }),
  );
  const clients = await eventually(server, Promise.all(opening));
  return { server, clients, draw, faults: isOnDisk ? [...LEASE_FAULTS, "crash"] : LEASE_FAULTS };
}

const pause = (client: Client, ms: number): Promise<void> =>
  new Promise((resolve) => void client.clock.setTimeout(resolve, ms));

async function nothingLeft({ server, clients }: Stage): Promise<void> {
  await server.clock.advance(1_000);
  expect(server.leaks()).toMatchObject({ sessions: clients.length, ephemerals: 0, watches: 0, waiting: 0 });
  await eventually(server, Promise.all(clients.map((client) => client.close())));
  expect(Object.entries(server.leaks()).filter(([, leaks]) => leaks !== 0)).toEqual([]);
}

/** Many worlds, one after the other. Resolves with what they came to, summed up. */
async function survives(first: number, world: (seed: number) => Promise<number>): Promise<number> {
  let sum = 0;
  for (let seed = first; seed < first + SEEDS_A_TEST; seed++) {
    try {
      sum += await world(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  return sum;
}

// ---- one id, several processes ------------------------------------------------------------------------------------------

const PATH = "/brokers/ids/1";
const STATE = "/state";

/** How a call may end by what happens to it; anything else is wrong. */
const EXPECTED = ["NODE_EXISTS", "ABORTED", "TIMEOUT", "CLOSED", "GUARD_FAILED", "SESSION_EXPIRED", "OUTCOME_UNKNOWN"];

/**
 * `lease`: who is registered is alone with that, as far as those can know who do not stand still. `fence`: sessions are ended, znodes are
 * deleted, and registrations are taken over, of which whoever is cut off can know nothing: the epoch must do then.
 */
type Promised = "lease" | "fence";

async function contend(seed: number, promised: Promised): Promise<number> {
  const on = await stage(seed, "contend for an id", 3 + (seed % 3));
  const { server, clients, draw } = on;
  const holders = validHolders(1);
  const over = new AbortController();
  await eventually(server, clients[0]!.create(STATE, "0", { codec }));
  const written: number[] = [];
  const observer = await eventually(server, server.connect());
  const history = await eventually(server, observer.subscribe(STATE, { codec }));
  const reading = (async () => {
    for await (const event of history) if ("value" in event) written.push(Number(event.value));
  })();

  /** Every life of it, as its owner is told. */
  const follow = async (client: Client, registration: Registration<string>): Promise<void> => {
    for await (const { epoch } of registration.states()) {
      if (epoch === undefined) continue;
      const life = {
        token: epoch,
        get isValid() {
          return registration.isValid && registration.epoch === epoch;
        },
      };
      if (promised === "lease") holders.add(client, life);
      const { guard } = registration;
      // Without a look at `isValid`: whoever was taken over, or has lost it, is to be refused.
      client.clock.setTimeout(
        () => {
          client.set(STATE, String(guard.czxid), { codec, guard }).catch(() => undefined);
        },
        between(draw, 0, 3_000),
      );
    }
  };
  const use = async (client: Client): Promise<void> => {
    const policies = promised === "lease" ? ["error", "wait", "wait"] : ["error", "wait", "take-over"];
    const onConflict = oneOf(draw, policies) as "error" | "wait" | "take-over";
    const onDelete = oneOf(draw, ["restore", "conflict"] as const);
    const timeoutMs = between(draw, 500, 10_000);
    const given = new AbortController();
    const signal = AbortSignal.any([over.signal, given.signal]);
    if (draw() < 0.2) client.clock.setTimeout(() => given.abort(), between(draw, 0, 1_000));
    await using registration = await register(client, PATH, "0", {
      codec,
      onConflict,
      onDelete,
      parents: true,
      timeoutMs,
      signal,
    });
    void follow(client, registration);
    const updating = registration.update("1", { timeoutMs: 1_000 });
    updating.catch(() => undefined);
    await pause(client, between(draw, 0, 6_000));
    if (promised === "fence" && draw() < 0.2) await client.delete(PATH, { missing: "ok" });
  };
  const working = clients.map(async (client) => {
    while (!over.signal.aborted) {
      try {
        await use(client);
      } catch (error) {
        if (!EXPECTED.includes((error as { code: string }).code)) throw error;
        await pause(client, 50);
      }
    }
  });
  const failed = Promise.all(working);
  failed.catch(() => over.abort());

  const faults: ChaosFault[] = promised === "fence" ? [...on.faults, "expire", "expire"] : [...on.faults];
  const always = promised === "lease" ? holders.check : undefined;
  await chaos({ server, clients, seed, steps: 10, faults, longMs: 8_000, always });
  over.abort();
  await eventually(server, failed);
  await server.clock.advance(2 * LONGEST_SESSION_MS);

  // At rest, of all who want it one has it, and then the next.
  const all = clients.map((client) => register(client, PATH, "rest", { codec, onConflict: "wait", parents: true }));
  let left = clients.length;
  const got = all.map(async (registering, i) => {
    const registration = await registering;
    expect(server.dump().filter(({ path }) => path.startsWith("/brokers/ids/"))).toEqual([
      expect.objectContaining({ path: PATH, owner: clients[i]!.session!.id, czxid: registration.epoch }),
    ]);
    left--;
    await registration.unregister();
  });
  await eventually(server, Promise.all(got), 30_000);
  expect(left).toBe(0);
  await history.close();
  await reading;
  await eventually(server, observer.close());
  // What the guards have let through came from one life after the other.
  expect(written).toEqual(written.toSorted((a, b) => a - b));
  await nothingLeft(on);
  return promised === "lease" ? holders.count : written.length;
}

for (const first of [1, 51]) {
  const second = first + SEEDS_A_TEST;
  test(`several processes register one id: at most one is valid at a time, epochs rise, at rest there is one znode: seeds ${first} to ${second - 1}`, async () => {
    expect(await survives(first, (seed) => contend(seed, "lease"))).toBeGreaterThan(3 * SEEDS_A_TEST);
  }, 60_000);

  test(`one id is deleted, taken over and expired meanwhile: what guards let through comes from one life after the other: seeds ${second} to ${second + SEEDS_A_TEST - 1}`, async () => {
    expect(await survives(second, (seed) => contend(seed, "fence"))).toBeGreaterThan(3 * SEEDS_A_TEST);
  }, 60_000);
}

// ---- a group ------------------------------------------------------------------------------------------------------------

const GROUP = "/groups/g";

const listed = (server: TestServer): [string, number, string][] =>
  server
    .dump()
    .filter(({ path, owner }) => path.startsWith(`${GROUP}/`) && owner !== 0)
    .map(({ path, czxid, data }): [string, number, string] => [
      path.slice(GROUP.length + 1),
      czxid,
      new TextDecoder().decode(data ?? undefined),
    ])
    .toSorted(([, a], [, b]) => a - b);
const known = ({ members }: Pick<GroupState<string>, "members">): [string, number, string][] =>
  [...members].map(([id, { epoch, value }]) => [id, epoch, value]);

async function gather(seed: number): Promise<number> {
  const on = await stage(seed, "a group", 4);
  const { server, clients, draw } = on;
  const groups: Group<string>[] = clients.map((client) => group(client, GROUP, { codec }));
  /** What was told of each generation, by whomever. */
  const byGeneration = new Map<number, [string, number, string][]>();
  let told = 0;
  const following = groups.map(async (one) => {
    let last = -1;
    for await (const state of one.changes()) {
      expect(state.generation).toBeGreaterThan(last);
      last = state.generation;
      const members = known(state);
      expect(byGeneration.get(last) ?? members).toEqual(members);
      byGeneration.set(last, members);
      told++;
    }
  });
  const members = await eventually(
    server,
    Promise.all(groups.map((one, i) => one.join(String(i), "0", { timeoutMs: 60_000 }))),
  );
  const epochs = members.map(({ epoch }) => [epoch!]);
  const watching = members.map(async (member, i) => {
    for await (const { epoch } of member.states())
      if (epoch !== undefined && epoch !== epochs[i]!.at(-1)) epochs[i]!.push(epoch);
  });
  const updates: Promise<void>[] = [];
  const values = members.map(() => 0);
  const faults: ChaosFault[] = [...on.faults, "expire", "expire"];
  await chaos({
    server,
    clients,
    seed,
    steps: 12,
    faults,
    longMs: 10_000,
    between() {
      const i = Math.floor(draw() * members.length);
      updates.push(members[i]!.update(String(++values[i]!), { timeoutMs: 120_000 }));
      const deleter = oneOf(draw, clients);
      if (draw() < 0.3) deleter.delete(`${GROUP}/${i}`, { missing: "ok" }).catch(() => undefined);
    },
  });
  await eventually(server, Promise.all(updates));
  await server.clock.advance(2 * LONGEST_SESSION_MS);

  // Everybody is there once, in his present session, with his newest value; and everybody knows.
  expect(Object.fromEntries(listed(server).map(([id, , value]) => [id, value]))).toEqual(
    Object.fromEntries(values.map((value, i) => [i, String(value)])),
  );
  expect(listed(server)).toHaveLength(members.length);
  expect(Object.fromEntries(listed(server).map(([id, czxid]) => [id, czxid]))).toEqual(
    Object.fromEntries(members.map(({ epoch }, i) => [i, epoch])),
  );
  for (const one of groups) {
    expect(one.isFresh).toBe(true);
    expect(known(one)).toEqual(listed(server));
    expect(one.generation).toBe(groups[0]!.generation);
  }
  for (const own of epochs) expect(own).toEqual(own.toSorted((a, b) => a - b));
  await eventually(server, Promise.all(members.map((member) => member.unregister())));
  await Promise.all(groups.map((one) => one.close()));
  await Promise.all([...following, ...watching]);
  await nothingLeft(on);
  return told;
}

for (const first of [1, 1 + SEEDS_A_TEST]) {
  test(`a group under everything: each member once at rest, with his newest value; all who followed it were told the same: seeds ${first} to ${first + SEEDS_A_TEST - 1}`, async () => {
    expect(await survives(first, gather)).toBeGreaterThan(20 * SEEDS_A_TEST);
  }, 60_000);
}
