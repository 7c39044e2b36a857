/** Quotas: whose holds for whom, who shares one, and how long whoever took too much is held back. */
import type { Clock } from "@corral/client";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ConfigEntity } from "../src/config/entity.ts";
import { connectionQuotaOf, quotaOf } from "../src/quotas/lookup.ts";
import { BURST_SECONDS, TokenBucket } from "../src/quotas/token-bucket.ts";
import { Quotas } from "../src/quotas/quotas.ts";
import { configCodec } from "../src/records.ts";
import { client, configuring, PATHS, remove, set, user } from "./configuring.ts";

/** Those that may hold for client `app` of user `alice`, the first that is set counts. */
const STEPS: readonly (readonly [ConfigEntity, bucket: string])[] = [
  [user("alice", "app"), "users/alice:app"],
  [user("alice", null), "users/alice:app"],
  [user("alice"), "users/alice"],
  [user(null, "app"), "users/alice:app"],
  [user(null, null), "users/alice:app"],
  [user(null), "users/alice"],
  [client("app"), "clients/app"],
  [client(null), "clients/app"],
];
const clockOf = (monotonicMs: () => number): Clock => ({
  monotonicMs,
  wallMs: monotonicMs,
  setTimeout: () => () => {},
});
const ALICE = { user: "alice", client: "app" };

describe("the quota of a client", () => {
  test("is the first of the eight that are looked at in Kafka's order, each key by itself", async () => {
    await using its = await configuring();
    const set8 = (count: number, key: string) =>
      its.request({
        alterations: STEPS.slice(0, count).map(([entity], at) => ({ entity, changes: [set(key, `${at + 1}`)] })),
      });
    await set8(8, "producer_byte_rate");
    await set8(8, "request_percentage");
    expect(quotaOf(its.image, "consumer_byte_rate", ALICE)).toBe(undefined);
    for (const [at, [entity, bucket]] of STEPS.entries()) {
      expect(quotaOf(its.image, "producer_byte_rate", ALICE)).toMatchObject({ limit: at + 1, bucket });
      expect(quotaOf(its.image, "producer_byte_rate", ALICE)!.entity).toEqual(entity);
      await its.alter(entity, remove("producer_byte_rate"));
    }
    expect(quotaOf(its.image, "producer_byte_rate", ALICE)).toBe(undefined);
    expect(quotaOf(its.image, "request_percentage", ALICE)).toMatchObject({ limit: 1 });
  });

  test("is found for any set of quotas as by looking at all eight in turn, whoever it is", async () => {
    await using its = await configuring();
    const all: readonly ConfigEntity[] = [
      ...["alice", "bob", null].flatMap((u) => [user(u), user(u, "app"), user(u, "web"), user(u, null)]),
      ...["app", "web", null].map((c) => client(c)),
    ];
    let has = new Set<number>();
    await fc.assert(
      fc.asyncProperty(fc.subarray(all.map((_, at) => at)), async (chosen) => {
        const alterations = all.flatMap((entity, at) => {
          if (chosen.includes(at) === has.has(at)) return [];
          return [
            { entity, changes: [has.has(at) ? remove("consumer_byte_rate") : set("consumer_byte_rate", `${at + 1}`)] },
          ];
        });
        if (alterations.length > 0) await its.request({ alterations });
        has = new Set(chosen);
        const limitOf = (entity: ConfigEntity): number | undefined => {
          const at = all.findIndex((one) => JSON.stringify(one) === JSON.stringify(entity));
          return has.has(at) ? at + 1 : undefined;
        };
        for (const u of ["alice", "bob", "carol"]) {
          for (const c of ["app", "web", "cli"]) {
            const turn = [
              user(u, c),
              user(u, null),
              user(u),
              user(null, c),
              user(null, null),
              user(null),
              client(c),
              client(null),
            ];
            const expected = turn.map(limitOf).find((limit) => limit !== undefined);
            expect(quotaOf(its.image, "consumer_byte_rate", { user: u, client: c })?.limit).toBe(expected);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  test("without a user is that of ANONYMOUS, without a name that of the defaults", async () => {
    await using its = await configuring();
    await its.alter(user("ANONYMOUS"), set("producer_byte_rate", "5"));
    await its.alter(client(null), set("consumer_byte_rate", "6"));
    expect(quotaOf(its.image, "producer_byte_rate", { client: "app" })?.limit).toBe(5);
    expect(quotaOf(its.image, "consumer_byte_rate", {})?.limit).toBe(6);
    expect(quotaOf(its.image, "producer_byte_rate", { user: "bob" })).toBe(undefined);
  });

  test("is not one that is against the rules", async () => {
    await using its = await configuring();
    await its.alter(client("app"), set("producer_byte_rate", "5"));
    const bad = { values: { producer_byte_rate: "-1" }, by: "hand", atMs: 0 };
    await its.client.create(PATHS.configOf("users", "alice"), bad, { codec: configCodec, parents: true });
    await its.image.atLeast(await its.client.sync());
    expect(quotaOf(its.image, "producer_byte_rate", ALICE)?.limit).toBe(5);
  });

  test("of an address is its own, else that of all, each address for itself", async () => {
    await using its = await configuring();
    await its.request({
      alterations: [
        { entity: { type: "ips", name: null }, changes: [set("connection_creation_rate", "10")] },
        { entity: { type: "ips", name: "10.0.0.1" }, changes: [set("connection_creation_rate", "20")] },
      ],
    });
    expect(connectionQuotaOf(its.image, "::ffff:10.0.0.1")).toMatchObject({ limit: 20, bucket: "ips/10.0.0.1" });
    expect(connectionQuotaOf(its.image, "10.0.0.2")).toMatchObject({ limit: 10, bucket: "ips/10.0.0.2" });
  });
});

describe("clients are held back", () => {
  test("for as long as what they took needs to come in; a change of the quota holds at once", async () => {
    await using its = await configuring();
    await its.alter(user("alice"), set("producer_byte_rate", "1000"));
    const quotas = new Quotas(its.image, its.client.clock);
    const burst = 1_000 * BURST_SECONDS;
    expect(quotas.take("producer_byte_rate", ALICE, burst)).toBe(0);
    expect(quotas.take("producer_byte_rate", ALICE, 500)).toBe(500);
    await its.server.clock.advance(400);
    expect(quotas.take("producer_byte_rate", ALICE, 0)).toBe(100);
    await its.alter(user("alice"), set("producer_byte_rate", "10"));
    expect(quotas.take("producer_byte_rate", ALICE, 0)).toBe(10_000);
    await its.alter(user("alice"), remove("producer_byte_rate"));
    expect(quotas.take("producer_byte_rate", ALICE, 1e12)).toBe(0);
  });

  test("together where they share a quota, and each for itself where they do not", async () => {
    await using its = await configuring();
    await its.alter(user("alice"), set("producer_byte_rate", "1000"));
    await its.alter(user(null, null), set("producer_byte_rate", "1000"));
    const quotas = new Quotas(its.image, its.client.clock);
    const take = (who: object, amount: number) => quotas.take("producer_byte_rate", who, amount);
    expect(take({ user: "alice", client: "a" }, 12_000)).toBe(1_000);
    expect(take({ user: "alice", client: "b" }, 0)).toBe(1_000);
    expect(take({ user: "bob", client: "a" }, 12_000)).toBe(1_000);
    expect(take({ user: "bob", client: "b" }, 0)).toBe(0);
  });

  test("with nothing taken where they may be refused, until they owe nothing", async () => {
    await using its = await configuring();
    await its.alter(client("app"), set("controller_mutation_rate", "2"));
    await its.alter({ type: "ips", name: null }, set("connection_creation_rate", "1"));
    const quotas = new Quotas(its.image, its.client.clock);
    // One that is larger than the burst is done, and those after it wait.
    expect(quotas.tryTake("controller_mutation_rate", ALICE, 30)).toBe(0);
    expect(quotas.tryTake("controller_mutation_rate", ALICE, 1)).toBe(4_000);
    expect(quotas.tryTake("controller_mutation_rate", ALICE, 1)).toBe(4_000);
    await its.server.clock.advance(4_000);
    expect(quotas.tryTake("controller_mutation_rate", ALICE, 1)).toBe(0);
    const opened = Array.from({ length: BURST_SECONDS + 2 }, () => quotas.tryConnect("10.0.0.1"));
    expect(opened).toEqual([...Array.from({ length: BURST_SECONDS + 1 }, () => 0), 1_000]);
  });

  test("by the share of a thread's time: 50 percent is 500 milliseconds a second", async () => {
    await using its = await configuring();
    await its.alter(client("app"), set("request_percentage", "50"));
    const quotas = new Quotas(its.image, its.client.clock);
    expect(quotas.take("request_percentage", ALICE, 500 * BURST_SECONDS)).toBe(0);
    expect(quotas.take("request_percentage", ALICE, 250)).toBe(500);
  });

  test("however many there are: beyond the bound, the one seen longest ago is forgotten", async () => {
    await using its = await configuring();
    await its.alter(client(null), set("producer_byte_rate", "1"));
    const quotas = new Quotas(its.image, its.client.clock, { bucketsMax: 3 });
    const take = (name: string) => quotas.take("producer_byte_rate", { client: name }, 20);
    for (const name of ["a", "b", "c", "a", "d"]) take(name);
    expect(quotas.buckets).toBe(3);
    expect([take("a"), take("b")]).toEqual([49_000, 9_000]);
  });
});

describe("a token bucket", () => {
  test("lets no more through than its burst and its rate, over any stretch of time, and no less where enough is asked for", () => {
    const step = fc.record({ afterMs: fc.nat({ max: 3_000 }), amount: fc.nat({ max: 50 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 20 }), (steps, rate) => {
        let now = 0;
        const bucket = new TokenBucket(
          clockOf(() => now),
          rate,
          rate,
        );
        let [taken, mayAtMs] = [0, 0];
        for (const { afterMs, amount } of steps) {
          now += afterMs;
          const waitMs = bucket.tryTake(amount);
          // Told a time, it keeps to it.
          if (now >= mayAtMs) expect(waitMs).toBe(0);
          if (waitMs === 0) {
            taken += amount;
            mayAtMs = now + Math.max(0, Math.ceil((-bucket.tokens / rate) * 1_000));
          } else mayAtMs = Math.min(mayAtMs, now + waitMs);
          // All that was let through, but for the last, which may leave a debt.
          expect(taken).toBeLessThanOrEqual(rate + (now / 1_000) * rate + 50 + 1e-6);
        }
      }),
      // 0.847 + 1.145 + 0.008 is a little less than 2.
      { examples: [[[3, 0, 0, 0].map((amount, at) => ({ afterMs: [0, 847, 1_145, 8][at]!, amount })), 1]] },
    );
  });

  test("refuses a rate, a burst or an amount that is none", () => {
    const clock = clockOf(() => 0);
    expect(() => new TokenBucket(clock, 0)).toThrow("rate is 0, not above 0");
    expect(() => new TokenBucket(clock, 1, -1)).toThrow("burst is -1");
    expect(() => new TokenBucket(clock, 1).take(NaN)).toThrow("NaN cannot be taken");
  });
});
