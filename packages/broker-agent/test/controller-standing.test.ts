/** When a broker stands for controller, and how it ends to. */
import { describe, expect, test } from "vitest";
import { elections } from "../src/controller/duties/elections.ts";
import { startCluster } from "./cluster.ts";
import { stand, standAll } from "./controllers.ts";

describe("a broker", () => {
  test("that is not registered does not stand, and stands in the session in which it is", async () => {
    await using cluster = await startCluster({ brokers: 2 });
    await standAll(cluster, [elections]);
    await cluster.broker(1).registration.unregister();
    await cluster.settle();
    const sessions = new Map(cluster.server.dump().map(({ path, owner }) => [path, owner]));
    const standing = [...sessions].filter(([path]) => path.startsWith(`${cluster.paths.controller}/`));
    expect(standing.map(([, owner]) => owner)).toEqual([sessions.get(cluster.paths.broker(2))]);
  });

  test("ends to stand for good when its registration does, and says why", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    const { ended } = await stand(cluster, 1, [elections]);
    await cluster.broker(1).registration.unregister();
    await cluster.settle(1_000);
    await expect(ended).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("ends to stand for good when its image is over, and says why", async () => {
    await using cluster = await startCluster({ brokers: 1 });
    const { ended, image, terms } = await stand(cluster, 1, [elections]);
    await image.close();
    await cluster.settle(1_000);
    await expect(ended).rejects.toMatchObject({ code: "CLOSED" });
    expect(terms[0]?.signal.aborted).toBe(true);
  });

  test("that stops leaves nothing behind, and its successor need not wait", async () => {
    await using cluster = await startCluster({ brokers: 2 });
    const candidates = await standAll(cluster, [elections]);
    const before = cluster.server.clock.now;
    await candidates[0]?.stop();
    await cluster.server.clock.runUntilIdle();
    expect(candidates[1]?.terms).toHaveLength(1);
    expect(cluster.server.clock.now - before).toBeLessThan(100);
    await candidates[1]?.stop();
    for (const { image } of candidates) await image.close();
    await cluster.settle(1_000);
    const left = cluster.server.dump().filter(({ path }) => path.startsWith(`${cluster.paths.controller}/`));
    expect(left).toEqual([]);
    expect(cluster.server.leaks()).toMatchObject({ ephemerals: 2, subscriptions: 0, waiting: 0 });
  });
});
