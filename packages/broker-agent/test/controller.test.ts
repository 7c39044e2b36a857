/** The controllership: one at a time, in terms that rise, and the loop that serves a term. */
import { op, text } from "@corral/client";
import { election } from "@corral/recipes";
import { describe, expect, test } from "vitest";
import { elections } from "../src/controller/duties/elections.ts";
import { type ControllerView, followController } from "../src/controller/follow.ts";
import { fresh, startCluster, type TestCluster } from "./cluster.ts";
import { type Candidate, stand, standAll } from "./controllers.ts";
import { duty, marking, steps } from "./duties.ts";

const MARK = "/mark";
const marked = async (cluster: TestCluster): Promise<string> => (await cluster.client.get(MARK, { codec: text })).value;
const epochs = (candidates: readonly Candidate[]): number[] =>
  candidates.flatMap(({ terms }) => terms.map(({ epoch }) => epoch));

describe("of several brokers", () => {
  test("one is controller, the next one takes over when it is gone, in a term with a greater epoch", async () => {
    await using cluster = await startCluster();
    const candidates = await standAll(cluster, [elections]);
    expect(candidates.map(({ terms }) => terms.length)).toEqual([1, 0, 0]);
    await cluster.kill(1);
    await cluster.settle();
    expect(candidates.map(({ terms }) => terms.length)).toEqual([1, 1, 0]);
    await candidates[1]?.stop();
    await cluster.settle(1_000);
    expect(candidates.map(({ terms }) => terms.length)).toEqual([1, 1, 1]);
    const won = epochs(candidates);
    expect(won).toEqual(won.toSorted((a, b) => a - b));
    expect(candidates[0]?.terms[0]?.signal.aborted).toBe(true);
    expect(candidates[2]?.terms[0]?.signal.aborted).toBe(false);
  });

  test("epochs rise also over a crash of the server and over the end of all sessions", async () => {
    await using cluster = await startCluster({ log: "file" });
    const candidates = await standAll(cluster, [elections]);
    await cluster.server.faults.restart({ crash: true, downMs: 1_000 });
    await cluster.settle();
    for (const { client } of cluster.brokers) await cluster.server.faults.expire(client);
    await cluster.settle();
    await cluster.server.faults.restart({ crash: true });
    for (const { client } of cluster.brokers) await cluster.server.faults.expire(client);
    await cluster.settle();
    const won = candidates.flatMap(({ terms }) => terms).toSorted((a, b) => a.epoch - b.epoch);
    expect(won.length).toBeGreaterThanOrEqual(3);
    expect(new Set(won.map(({ epoch }) => epoch)).size).toBe(won.length);
    expect(won.map(({ signal }) => signal.aborted)).toEqual([...won.slice(1).map(() => true), false]);
  });

  test("only the one that is next acts when the controller is lost", async () => {
    await using cluster = await startCluster({ brokers: 10 });
    await cluster.topic("orders", { replicas: [[10, 1]] });
    await standAll(cluster, [elections]);
    const before = cluster.server.requests().length;
    await cluster.kill(1);
    await cluster.settle();
    const asked = cluster.server.requests().slice(before);
    const busy = new Set(asked.map(({ client }) => client));
    // Numbers on the wire: 1 is the test's own, broker n is n + 1.
    expect([...busy]).toEqual([3]);
    expect(asked.filter(({ op: what }) => what === "multiEach")).toHaveLength(1);
  });

  test("whoever takes over has nothing to load: it asks the same few things for one partition and for a thousand", async () => {
    const asked: string[][] = [];
    for (const partitions of [1, 1_000]) {
      await using cluster = await startCluster();
      await cluster.topic("orders", { replicas: Array.from({ length: partitions }, () => [3, 1]) });
      await standAll(cluster, [elections]);
      const before = cluster.server.requests({ client: 3 }).length;
      await cluster.kill(1);
      await cluster.settle();
      asked.push(
        cluster.server
          .requests({ client: 3 })
          .slice(before)
          .map(({ op: what }) => what)
          .filter((what) => what !== "multiEach"),
      );
    }
    // Whose turn it is, whether it still is, and up to where the image has to be; a second `sync` where changes are many.
    expect(asked.map((ops) => [...new Set(ops)])).toEqual([0, 1].map(() => ["children", "get", "sync"]));
    expect(asked.map(({ length }) => length).every((length) => length <= 4)).toBe(true);
  });

  test("each knows who is controller, and whether it is itself", async () => {
    await using cluster = await startCluster({ brokers: 2 });
    const told: string[][] = [[], []];
    const stop = new AbortController();
    const describeView = (view: ControllerView | undefined): string =>
      view === undefined ? "none" : `${view.broker}${view.isMe ? " me" : ""}`;
    const following = cluster.brokers.map(({ client }, at) =>
      followController({
        client,
        paths: cluster.paths,
        tell: (view) => told[at]?.push(describeView(view)),
        signal: stop.signal,
      }),
    );
    await cluster.server.clock.runUntilIdle();
    const candidates = await standAll(cluster, [elections]);
    await candidates[0]?.stop();
    await cluster.settle(1_000);
    await candidates[1]?.stop();
    await cluster.settle(1_000);
    stop.abort();
    await Promise.all(following);
    expect(told).toEqual([
      ["none", "1 me", "2", "none"],
      ["none", "1", "2 me", "none"],
    ]);
  });
});

describe("a term", () => {
  test("asks duties in their order, and again from the first after each step", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    await cluster.client.create(MARK, "", { codec: text });
    const order: string[] = [];
    const say = (name: string, value: string) => () => {
      order.push(name);
      return marking(MARK, value);
    };
    await stand(cluster, 1, [steps(say("a", "1"), say("a", "2")), steps(say("b", "3")), steps(say("c", "4"))]);
    expect(order).toEqual(["a", "a", "b", "c"]);
    expect(await marked(cluster)).toBe("4");
  });

  test("asks again only when the image has what was written", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    const id = await cluster.topic("orders", { replicas: [[1]] });
    const seen: (number | undefined)[] = [];
    const counting = duty(({ image }) => ({
      next() {
        const before = image.partition(id, 0);
        seen.push(before?.version);
        if (before === undefined || before.version === 3) return undefined;
        const state = { ...before.state, leaderEpoch: before.state.leaderEpoch + 1 };
        return { what: "count", partitions: [{ before, state }] };
      },
    }));
    await stand(cluster, 1, [counting]);
    expect(seen).toEqual([0, 1, 2, 3]);
  });

  test("asks a duty again after the time that it names, though nothing changes", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    let asked = 0;
    await stand(cluster, 1, [duty(() => ({ againInMs: 1_000, next: () => void (asked += 1) }))]);
    const before = asked;
    await cluster.settle(5_500);
    expect(asked - before).toBe(5);
  });

  test("makes a refused transaction anew, and ends when that is refused again and again", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    const refusals: string[] = [];
    let tries = 0;
    const stubborn = duty(() => ({
      name: "stubborn",
      next: () => (tries++ < 20 ? { what: "in vain", together: [op.create("/none/below")] } : undefined),
      refused: (_changes, together) => void refusals.push(together?.code ?? "none"),
    }));
    const { errors, terms } = await stand(cluster, 1, [stubborn]);
    expect(refusals).toEqual(Array(10).fill("NO_NODE"));
    expect(errors.map(String)).toEqual(["Error: the duty stubborn was refused 11 times in a row"]);
    await cluster.settle();
    // Others may try; here it is the same one.
    expect(terms.length).toBe(2);
    expect(tries).toBe(21);
  });

  test("does not try the transaction of a step of which a partition was refused", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    await cluster.client.create(MARK, "", { codec: text });
    const id = await cluster.topic("orders", { replicas: [[1]] });
    const told: number[] = [];
    const stale = duty(({ image }) => {
      let before = image.partition(id, 0);
      return {
        next() {
          if (before === undefined) return undefined;
          const step = {
            ...marking(MARK, "done"),
            partitions: [{ before: { ...before, version: 7 }, state: before.state }],
          };
          before = undefined;
          return step;
        },
        refused: (changes) => void told.push(...changes.map(({ before: seen }) => seen.version)),
      };
    });
    await stand(cluster, 1, [stale]);
    expect(told).toEqual([7]);
    expect(await marked(cluster)).toBe("");
  });

  test.each(["begin", "notice", "next"] as const)(
    "that ends by an error of a duty in %s is told, and another broker tries",
    async (where) => {
      await using cluster = await startCluster({ brokers: 2 });
      await cluster.client.create(MARK, "", { codec: text });
      const broken = duty(({ broker }) => {
        const fail = (): undefined => {
          if (broker === 1) throw new Error(`planted in ${where}`);
        };
        return { [where]: fail };
      });
      const candidates = await standAll(cluster, [broken, steps(({ broker }) => marking(MARK, `by ${broker}`))]);
      // Something to be told of.
      await cluster.configureAll({ any: "thing" });
      await cluster.settle(1_000);
      expect(candidates[0]?.errors.map(String)).toContain(`Error: planted in ${where}`);
      expect(candidates[1]?.errors).toEqual([]);
      expect(await marked(cluster)).toBe("by 2");
    },
  );

  test("that fails each time is begun again after pauses that grow", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    const at: number[] = [];
    const broken = duty(() => ({
      begin() {
        at.push(cluster.server.clock.now);
        throw new Error("planted");
      },
    }));
    await stand(cluster, 1, [broken]);
    await cluster.settle(600_000);
    const pauses = at.slice(1).map((time, i) => time - (at[i] as number));
    expect(pauses.slice(0, 4).every((pause) => pause <= 1_000)).toBe(true);
    expect(Math.max(...pauses)).toBeGreaterThan(10_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(30_000);
    expect(at.length).toBeGreaterThan(20);
    expect(at.length).toBeLessThan(100);
  });

  test("ends when somebody takes the place of the controller away, and nothing is written in it any more", async () => {
    await using cluster = await startCluster({ brokers: 2 });
    const id = await cluster.topic("orders", { replicas: [[1, 2]] });
    const candidates = await standAll(cluster, [elections]);
    const first = candidates[0]?.terms[0]?.epoch as number;
    await election(cluster.client, cluster.paths.controller).evict(first);
    await cluster.settle(1_000);
    expect(candidates[0]?.terms[0]?.signal.aborted).toBe(true);
    expect(candidates[1]?.terms).toHaveLength(1);
    await cluster.kill(2);
    await cluster.settle();
    // The first one stands again, behind the second, and leads in a term of its own.
    expect(candidates[0]?.terms).toHaveLength(2);
    expect(cluster.partition(id, 0)).toEqual(fresh([1, 2], { isr: [1] }));
  });

  test("ends when the registration of the controller is taken away, and the next one begins when it is back", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    const { terms, errors } = await stand(cluster, 1, [elections]);
    await cluster.client.delete(cluster.paths.broker(1));
    await cluster.settle();
    expect(terms.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(errors).toEqual([]);
  });
});
